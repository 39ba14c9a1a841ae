"""Judges the state of the data: one pure function from facts to a verdict.

Only the age of the data decides whether it is *live*. The other facts (the listener's record, silent shards
and boards) explain why data is old, or predict that it will be old soon.
"""

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import msgspec

from marketdata.listener.wanted import BrokerState, ListenerActual
from marketdata.providers.base import ProviderState
from marketdata.trading_calendar import MarketSession
from widgets.data_state import STATES, DataState

FRESH_SECONDS: Final = 5.0
"""Data is fresh up to this age. Processors and scanner announce at least once per second, even without new
data, so one that is silent for this long has failed."""
SHARD_LAG_SECONDS: Final = 30.0
"""While the market is busy, each shard has events at least this often. Pauses of a few seconds are normal."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """The facts at an instant. Ages are in seconds, None if there is no data.

    `row_age`, `board_age`: age of the newest data in the rows and on the boards that was sent to the
    connections, since it was received from the provider. `hub_has_failed`: it is about to start over.
    `shard_ages`: the same for each shard. `silent_shards`, `silent_boards`: those that were not announced
    within `fresh_seconds`. `settling`: the hub has just started to receive announcements, so silence means
    nothing yet. `listener`: the listener's record, None if there is none. `paused_roles`: the other roles of
    which operators want no process to work.
    """

    row_age: float | None = None
    board_age: float | None = None
    shard_ages: Sequence[float | None] = ()
    silent_shards: Sequence[str] = ()
    silent_boards: Sequence[str] = ()
    cache_is_away: bool = False
    hub_has_failed: bool = False
    settling: bool = False
    listener: ListenerActual | None = None
    paused_roles: Sequence[str] = ()
    fresh_seconds: float = FRESH_SECONDS

    @property
    def is_fresh(self) -> bool:
        """Whether both the rows and the boards have fresh data."""
        return self.has_fresh_rows and _is_at_most(self.board_age, self.fresh_seconds)

    @property
    def has_fresh_rows(self) -> bool:
        """Whether the rows have fresh data."""
        return _is_at_most(self.row_age, self.fresh_seconds)

    @property
    def events_are_due(self) -> bool:
        """Whether the provider's feed is connected and the market is busy."""
        listener = self.listener
        return (
            listener is not None
            and listener.state is ProviderState.LIVE
            and listener.outlook.session is MarketSession.REGULAR
            and listener.outlook.is_busy
        )

    @property
    def lagging_shards(self) -> Sequence[int]:
        """Shards without events for too long, although the market is busy."""
        limit = max(SHARD_LAG_SECONDS, self.fresh_seconds)
        ages = enumerate(self.shard_ages) if self.events_are_due else ()
        return [shard for shard, age in ages if not _is_at_most(age, limit)]


class Verdict(msgspec.Struct, frozen=True):
    """The state, and the reason as a text for people.

    The text contains no number that grows: each changed text is sent to all clients.
    """

    state: DataState
    detail: str


_Rule: TypeAlias = Callable[[Facts], str | None]


def judge(facts: Facts) -> Verdict:
    """The state of the first rule in `RULES` that matches the facts."""
    for state, rule in RULES:
        if (detail := rule(facts)) is not None:
            return Verdict(state, detail or STATES[state].meaning)
    raise AssertionError("the last rule matches all facts")


def _hub_has_failed(facts: Facts) -> str | None:
    return "This web process failed; it starts over." if facts.hub_has_failed else None


def _cache_is_away(facts: Facts) -> str | None:
    return "" if facts.cache_is_away else None


def _stopped(facts: Facts) -> str | None:
    listener = facts.listener
    stopped = ["listener"] if listener is not None and not listener.applied.running else []
    stopped += facts.paused_roles
    return f"An operator stopped the {' and the '.join(stopped)}." if stopped else None


def _refused(facts: Facts) -> str | None:
    listener = facts.listener
    if listener is None or listener.state is not ProviderState.REFUSED:
        return None
    return _sentence(listener.reason, listener.detail)


def _settling(facts: Facts) -> str | None:
    return "Waiting for the first data." if facts.settling and not facts.is_fresh else None


def _broker(state: BrokerState) -> _Rule:
    def rule(facts: Facts) -> str | None:
        listener = facts.listener
        return "" if listener is not None and listener.broker is state and not facts.is_fresh else None

    return rule


def _no_listener(facts: Facts) -> str | None:
    return "" if facts.listener is None and not facts.is_fresh else None


def _no_processor(facts: Facts) -> str | None:
    return f"Not processed: {', '.join(facts.silent_shards)}." if facts.silent_shards else None


def _no_scanner(facts: Facts) -> str | None:
    return f"Not ranked: {', '.join(facts.silent_boards)}." if facts.silent_boards else None


def _market_closed(facts: Facts) -> str | None:
    listener = facts.listener
    if listener is None or facts.is_fresh:
        return None
    waits = listener.state is ProviderState.MARKET_CLOSED
    silent = listener.state is ProviderState.LIVE and listener.outlook.session is MarketSession.CLOSED
    return "" if waits or silent else None


def _reconnecting(facts: Facts) -> str | None:
    listener = facts.listener
    if listener is None or facts.is_fresh or listener.state is ProviderState.LIVE:
        return None
    # `detail` is not shown: it is the text of a library and may contain internal addresses.
    return _sentence(listener.reason)


def _lagging(facts: Facts) -> str | None:
    if not facts.is_fresh or not (lagging := facts.lagging_shards):
        return None
    return f"No event for too long: shard {', '.join(map(str, lagging))}."


def _live(facts: Facts) -> str | None:
    return "" if facts.is_fresh else None


def _quiet(facts: Facts) -> str | None:
    listener = facts.listener
    if listener is None or facts.events_are_due or facts.has_fresh_rows or listener.recent_events:
        return None
    return ""


def _stale(facts: Facts) -> str | None:
    if facts.has_fresh_rows:
        return "The rows are fresh, the boards are old."
    listener = facts.listener
    events_come = listener is not None and listener.recent_events > 0
    return (
        "Events come in, and the data shown is old." if events_come else "The feed is connected and silent."
    )


RULES: Final[Sequence[tuple[DataState, _Rule]]] = (
    (DataState.STALE, _hub_has_failed),
    (DataState.CACHE_AWAY, _cache_is_away),
    (DataState.STOPPED, _stopped),
    (DataState.REFUSED, _refused),
    (DataState.STALE, _settling),
    (DataState.BROKER_AWAY, _broker(BrokerState.AWAY)),
    (DataState.BROKER_BLOCKED, _broker(BrokerState.BLOCKED)),
    (DataState.NO_LISTENER, _no_listener),
    (DataState.NO_PROCESSOR, _no_processor),
    (DataState.NO_SCANNER, _no_scanner),
    (DataState.MARKET_CLOSED, _market_closed),
    (DataState.RECONNECTING, _reconnecting),
    (DataState.STALE, _lagging),
    (DataState.LIVE, _live),
    (DataState.QUIET, _quiet),
    (DataState.STALE, _stale),
)
"""In order of precedence: a cause that prevents everything else comes first."""


def _is_at_most(age: float | None, limit: float) -> bool:
    return age is not None and age <= limit


def _sentence(*words: str) -> str:
    """The words as a sentence; empty if all words are empty. Secrets in them were masked by the listener."""
    text = ": ".join(dict.fromkeys(word.replace("_", " ") for word in words if word))
    return f"{text[0].upper()}{text[1:]}." if text else ""
