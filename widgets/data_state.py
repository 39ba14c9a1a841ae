"""The states of the displayed data: their names, the texts for people, and their alarm levels.

`status` frames, `/readyz`, the metric, the dashboard and docs/protocol.md use the words of this module.
`widgets.hub.verdict` decides which state applies.
"""

import enum
from collections.abc import Mapping
from typing import Final

import msgspec


class DataState(enum.StrEnum):
    """The state of the data now. All states except `LIVE` mean that the data is old or will soon be old."""

    LIVE = "live"
    QUIET = "quiet"
    MARKET_CLOSED = "market_closed"
    STALE = "stale"
    STOPPED = "stopped"
    RECONNECTING = "reconnecting"
    REFUSED = "refused"
    BROKER_BLOCKED = "broker_blocked"
    BROKER_AWAY = "broker_away"
    NO_LISTENER = "no_listener"
    NO_PROCESSOR = "no_processor"
    NO_SCANNER = "no_scanner"
    CACHE_AWAY = "cache_away"


class Alarm(enum.StrEnum):
    """The alarm level of a state, which decides how it is displayed."""

    NONE = "none"
    """All is well."""
    CALM = "calm"
    """No data is expected now."""
    WARNING = "warning"
    """The data may be wrong soon, or is old."""
    FAULT = "fault"
    """A part of the platform does not work."""


class StateInfo(msgspec.Struct, frozen=True):
    """The texts of a state: a label of one or two words, and a sentence that explains it."""

    label: str
    meaning: str
    alarm: Alarm


STATES: Final[Mapping[DataState, StateInfo]] = {
    DataState.LIVE: StateInfo("Live", "The data is fresh.", Alarm.NONE),
    DataState.QUIET: StateInfo(
        "Quiet", "The feed is connected and silent, as it may be at this time.", Alarm.CALM
    ),
    DataState.MARKET_CLOSED: StateInfo(
        "Market closed", "The market is closed: nothing is to be expected.", Alarm.CALM
    ),
    DataState.STALE: StateInfo("Stale", "The data is old although events are due.", Alarm.WARNING),
    DataState.STOPPED: StateInfo("Stopped", "An operator stopped a part of the platform.", Alarm.WARNING),
    DataState.RECONNECTING: StateInfo(
        "Reconnecting", "The provider's feed is not connected; the listener tries again.", Alarm.WARNING
    ),
    DataState.REFUSED: StateInfo("Refused", "The provider refuses the connection.", Alarm.FAULT),
    DataState.BROKER_BLOCKED: StateInfo(
        "Broker blocked", "The queues' broker takes no events (its memory or disk alarm).", Alarm.FAULT
    ),
    DataState.BROKER_AWAY: StateInfo("Broker away", "The queues' broker cannot be reached.", Alarm.FAULT),
    DataState.NO_LISTENER: StateInfo("No listener", "No listener reports its state.", Alarm.FAULT),
    DataState.NO_PROCESSOR: StateInfo("No processor", "A shard is not processed.", Alarm.FAULT),
    DataState.NO_SCANNER: StateInfo("No scanner", "The boards are not ranked.", Alarm.FAULT),
    DataState.CACHE_AWAY: StateInfo("Cache away", "The market data cache cannot be reached.", Alarm.FAULT),
}
