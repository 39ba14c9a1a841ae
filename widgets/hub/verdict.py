"""What state the shown data is in: one pure function from facts to a verdict.

*Live* follows from the age of the data alone. The other facts (what the listener tells of itself, which parts
have fallen silent) only explain why data is not fresh, or say that it is about to end.
"""

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import msgspec

from marketdata.listener.wanted import BrokerState, ListenerActual
from marketdata.providers.base import ProviderState
from marketdata.trading_calendar import MarketSession
from widgets.data_state import STATES, DataState

FRESH_SECONDS: Final = 5.0
"""Data is fresh up to this age. Every part announces each second at least: one silent for longer is gone."""
SHARD_LAG_SECONDS: Final = 30.0
"""While the whole market trades no shard is without an event for so long, though it may be for seconds."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known at an instant. Ages in seconds, None for what has not been there.

    `row_age` and `board_age`: of the newest data in the rows and on the boards that are shown, since it was
    received from the provider. `shard_ages`: the same by shard. `silent_shards` and `silent_boards`: those
    that were not announced within `fresh_seconds`. `settling`: hearing has just begun, so silence says
    nothing yet. `listener`: what the listener tells of itself, None when none does.
    """

    row_age: float | None = None
    board_age: float | None = None
    shard_ages: Sequence[float | None] = ()
    silent_shards: Sequence[str] = ()
    silent_boards: Sequence[str] = ()
    cache_is_away: bool = False
    settling: bool = False
    listener: ListenerActual | None = None
    fresh_seconds: float = FRESH_SECONDS

    @property
    def is_fresh(self) -> bool:
        """Whether rows and boards both show data that is young enough."""
        return self.has_fresh_rows and _is_at_most(self.board_age, self.fresh_seconds)

    @property
    def has_fresh_rows(self) -> bool:
        """Whether the rows do, whatever the boards do."""
        return _is_at_most(self.row_age, self.fresh_seconds)

    @property
    def events_are_due(self) -> bool:
        """Whether the feed is connected and the whole market trades."""
        told = self.listener
        return (
            told is not None
            and told.state is ProviderState.LIVE
            and told.outlook.session is MarketSession.REGULAR
            and told.outlook.is_busy
        )

    @property
    def lagging_shards(self) -> Sequence[int]:
        """Shards whose data is old while that of others comes in."""
        limit = max(SHARD_LAG_SECONDS, self.fresh_seconds)
        ages = enumerate(self.shard_ages) if self.events_are_due else ()
        return [shard for shard, age in ages if not _is_at_most(age, limit)]


class Verdict(msgspec.Struct, frozen=True):
    """The state, and in words that people can read why. The words hold no number that grows."""

    state: DataState
    detail: str


_Rule: TypeAlias = Callable[[Facts], str | None]


def judge(facts: Facts) -> Verdict:
    """The first state of `RULES` that the facts support."""
    for state, rule in RULES:
        if (detail := rule(facts)) is not None:
            return Verdict(state, detail or STATES[state].meaning)
    raise AssertionError("the last rule takes everything")


def _cache_is_away(facts: Facts) -> str | None:
    return "" if facts.cache_is_away else None


def _stopped(facts: Facts) -> str | None:
    told = facts.listener
    return "" if told is not None and not told.applied.running else None


def _refused(facts: Facts) -> str | None:
    told = facts.listener
    if told is None or told.state is not ProviderState.REFUSED:
        return None
    return _sentence(told.reason, told.detail)


def _settling(facts: Facts) -> str | None:
    return "Waiting for the first data." if facts.settling and not facts.is_fresh else None


def _broker(state: BrokerState) -> _Rule:
    def rule(facts: Facts) -> str | None:
        told = facts.listener
        return "" if told is not None and told.broker is state and not facts.is_fresh else None

    return rule


def _no_listener(facts: Facts) -> str | None:
    return "" if facts.listener is None and not facts.is_fresh else None


def _no_processor(facts: Facts) -> str | None:
    return f"Not processed: {', '.join(facts.silent_shards)}." if facts.silent_shards else None


def _no_scanner(facts: Facts) -> str | None:
    return f"Not ranked: {', '.join(facts.silent_boards)}." if facts.silent_boards else None


def _market_closed(facts: Facts) -> str | None:
    told = facts.listener
    if told is None or facts.is_fresh:
        return None
    waits = told.state is ProviderState.MARKET_CLOSED
    silent = told.state is ProviderState.LIVE and told.outlook.session is MarketSession.CLOSED
    return "" if waits or silent else None


def _reconnecting(facts: Facts) -> str | None:
    told = facts.listener
    if told is None or facts.is_fresh or told.state is ProviderState.LIVE:
        return None
    # The text beside the reason is a library's, with addresses that are our own business.
    return _sentence(told.reason)


def _lagging(facts: Facts) -> str | None:
    if not facts.is_fresh or not (lagging := facts.lagging_shards):
        return None
    return f"No event for too long: shard {', '.join(map(str, lagging))}."


def _live(facts: Facts) -> str | None:
    return "" if facts.is_fresh else None


def _quiet(facts: Facts) -> str | None:
    told = facts.listener
    if told is None or facts.events_are_due or facts.has_fresh_rows or told.recent_events:
        return None
    return ""


def _stale(facts: Facts) -> str | None:
    if facts.has_fresh_rows:
        return "The rows are fresh, the boards are old."
    told = facts.listener
    events_come = told is not None and told.recent_events > 0
    return (
        "Events come in, and the data shown is old." if events_come else "The feed is connected and silent."
    )


RULES: Final[Sequence[tuple[DataState, _Rule]]] = (
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
"""From what stands in the way of everything else to what is left."""


def _is_at_most(age: float | None, limit: float) -> bool:
    return age is not None and age <= limit


def _sentence(*words: str) -> str:
    """The listener's reason, and the provider's text (masked already), as a sentence; it may be empty."""
    text = ": ".join(dict.fromkeys(word.replace("_", " ") for word in words if word))
    return f"{text[0].upper()}{text[1:]}." if text else ""
