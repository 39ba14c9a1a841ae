"""Which state the data is in, for every set of facts; and that nothing old is ever called live."""

from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.listener.wanted import BrokerState, ListenerActual
from marketdata.providers.base import FeedOutlook, ProviderState
from marketdata.schema.boards import HALTS
from marketdata.trading_calendar import MarketSession
from tests.support.listener_records import record
from widgets.data_state import STATES, DataState
from widgets.hub.verdict import FRESH_SECONDS, SHARD_LAG_SECONDS, Facts, judge

FRESH: Final = 0.3
OLD: Final = 47.0
OPEN: Final = FeedOutlook(session=MarketSession.REGULAR)
CLOSED: Final = FeedOutlook(session=MarketSession.CLOSED, opens_ms=1)
NIGHT: Final = ProviderState.MARKET_CLOSED


def facts(age: float | None = OLD, listener: ListenerActual | None = None, **others: Any) -> Facts:
    return Facts(
        **({"row_age": age, "board_age": age, "shard_ages": (age, age), "listener": listener} | others)
    )


@pytest.mark.parametrize(
    ("known", "state"),
    [
        (facts(FRESH, record()), DataState.LIVE),
        (facts(FRESH, None), DataState.LIVE),
        (facts(FRESH, record(ProviderState.WAITING)), DataState.LIVE),
        (facts(FRESH, record(broker=BrokerState.AWAY)), DataState.LIVE),
        (facts(FRESH, record(outlook=CLOSED)), DataState.LIVE),
        (facts(OLD, None), DataState.NO_LISTENER),
        (facts(FRESH, record(ProviderState.STOPPED, running=False)), DataState.STOPPED),
        (facts(OLD, record(ProviderState.CONNECTING, running=False)), DataState.STOPPED),
        (facts(FRESH, record(), paused_roles=["processor"]), DataState.STOPPED),
        (facts(OLD, None, paused_roles=["scanner"]), DataState.STOPPED),
        (facts(OLD, record(ProviderState.STOPPED)), DataState.RECONNECTING),
        (facts(FRESH, record(ProviderState.REFUSED, "auth_failed")), DataState.REFUSED),
        (facts(OLD, record(ProviderState.CONNECTING)), DataState.RECONNECTING),
        (facts(OLD, record(ProviderState.WAITING, "connection_lost")), DataState.RECONNECTING),
        (facts(OLD, record(NIGHT)), DataState.MARKET_CLOSED),
        (facts(OLD, record(outlook=CLOSED)), DataState.MARKET_CLOSED),
        (facts(OLD, record(outlook=OPEN)), DataState.STALE),
        (facts(OLD, record(outlook=OPEN, recent_events=9)), DataState.STALE),
        (facts(None, record(outlook=OPEN)), DataState.STALE),
        (facts(OLD, record(outlook=FeedOutlook(session=MarketSession.PRE_MARKET))), DataState.QUIET),
        (facts(OLD, record(outlook=FeedOutlook(session=None))), DataState.QUIET),
        (
            facts(OLD, record(outlook=FeedOutlook(session=MarketSession.REGULAR, is_busy=False))),
            DataState.QUIET,
        ),
        (
            facts(OLD, record(outlook=FeedOutlook(session=MarketSession.PRE_MARKET), recent_events=9)),
            DataState.STALE,
        ),
        (facts(OLD, record(broker=BrokerState.BLOCKED)), DataState.BROKER_BLOCKED),
        (facts(OLD, record(broker=BrokerState.AWAY), silent_shards=("shard 0",)), DataState.BROKER_AWAY),
        (facts(FRESH, record(), silent_shards=("shard 1",)), DataState.NO_PROCESSOR),
        (facts(OLD, record(outlook=CLOSED), silent_shards=("shard 1",)), DataState.NO_PROCESSOR),
        (facts(FRESH, record(), silent_boards=(HALTS,)), DataState.NO_SCANNER),
        (facts(OLD, record(), silent_boards=(HALTS,), silent_shards=("shard 0",)), DataState.NO_PROCESSOR),
        (facts(FRESH, record(), board_age=OLD), DataState.STALE),
        (facts(FRESH, record(outlook=OPEN), shard_ages=(FRESH, OLD)), DataState.STALE),
        (facts(FRESH, record(outlook=OPEN), shard_ages=(FRESH, SHARD_LAG_SECONDS - 1)), DataState.LIVE),
        (facts(FRESH, record(outlook=OPEN), shard_ages=(FRESH, None)), DataState.STALE),
        (facts(FRESH, record(outlook=CLOSED), shard_ages=(FRESH, OLD)), DataState.LIVE),
        (facts(FRESH, record(), cache_is_away=True), DataState.CACHE_AWAY),
        (facts(OLD, None, settling=True), DataState.STALE),
        (facts(FRESH, None, settling=True), DataState.LIVE),
    ],
)
def test_what_is_known_decides_the_state(known: Facts, state: DataState) -> None:
    assert judge(known).state is state


def test_the_words_name_who_is_gone_and_say_what_the_provider_said() -> None:
    assert "shard 1" in judge(facts(FRESH, record(), silent_shards=("shard 1",))).detail
    refused = record(ProviderState.REFUSED, "auth_failed", detail="Unknown key")
    assert judge(facts(OLD, refused)).detail == "Auth failed: Unknown key."
    lost = record(ProviderState.WAITING, "unreachable", detail="no route to 10.0.0.7:443")
    assert judge(facts(OLD, lost)).detail == "Unreachable."


ages = st.none() | st.floats(0, 100_000)
listeners = st.none() | st.builds(
    record,
    st.sampled_from(ProviderState),
    st.sampled_from(["", "wanted", "auth_failed"]),
    running=st.booleans(),
    detail=st.text(max_size=20),
    broker=st.sampled_from(BrokerState),
    recent_events=st.integers(0, 10**9),
    outlook=st.builds(FeedOutlook, session=st.none() | st.sampled_from(MarketSession), is_busy=st.booleans()),
)
anything = st.builds(
    Facts,
    row_age=ages,
    board_age=ages,
    shard_ages=st.lists(ages, max_size=4),
    silent_shards=st.lists(st.sampled_from(["shard 0", "shard 1"]), max_size=2),
    silent_boards=st.lists(st.just(HALTS), max_size=1),
    cache_is_away=st.booleans(),
    settling=st.booleans(),
    listener=listeners,
)


@given(anything)
def test_there_is_always_a_verdict_in_words_and_nothing_old_is_ever_live(known: Facts) -> None:
    verdict = judge(known)
    assert verdict.state in STATES
    assert verdict.detail
    if verdict.state is DataState.LIVE:
        for age in (known.row_age, known.board_age):
            assert age is not None
            assert age <= FRESH_SECONDS
        assert not known.silent_shards
        assert not known.silent_boards
        assert known.listener is None or known.listener.applied.running


@given(anything)
def test_closed_or_quiet_is_told_only_where_everything_of_ours_is_there(known: Facts) -> None:
    if judge(known).state in (DataState.QUIET, DataState.MARKET_CLOSED):
        assert not known.cache_is_away
        assert not known.silent_shards
        assert not known.silent_boards
        assert known.listener is not None
        assert known.listener.broker is BrokerState.OK
        assert not known.is_fresh


def test_the_specification_lists_every_state_with_its_meaning() -> None:
    page = (Path(__file__).parents[4] / "docs" / "protocol.md").read_text()
    missing = [state for state, info in STATES.items() if f"| `{state}` | {info.meaning} |" not in page]
    assert (set(STATES), missing) == (set(DataState), [])


def test_the_reason_names_every_role_that_was_stopped() -> None:
    stopped = facts(OLD, record(ProviderState.STOPPED, running=False), paused_roles=["processor", "scanner"])
    assert judge(stopped).detail == "An operator stopped the listener and the processor and the scanner."
