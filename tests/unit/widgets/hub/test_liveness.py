"""What becomes of announcements, of the listener's word and of a store that is away: the status."""

import pytest

from marketdata.providers.base import FeedOutlook
from marketdata.store.keys import Keys
from marketdata.trading_calendar import MarketSession
from tests.support.listener_records import record
from tests.support.manual_clock import ManualClock
from widgets.data_state import DataState
from widgets.hub.feeds import StoredFeeds
from widgets.hub.liveness import Liveness

STORED = StoredFeeds(Keys("secret:"), 2)
OPEN = FeedOutlook(session=MarketSession.REGULAR)


class Heard:
    """Liveness whose channels a test lets speak."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.liveness = Liveness(STORED, self.clock)
        self.liveness.note_listener(record(outlook=OPEN))

    def everybody(self, received_ns: int | None = None) -> None:
        self.only((*STORED.shards, *STORED.boards), received_ns)

    def only(self, channels: tuple[str, ...], received_ns: int | None = None) -> None:
        newest_ns = self.clock.time_ns() if received_ns is None else received_ns
        for channel in channels:
            self.liveness.note_announcement(channel)
        self.liveness.note_sent(dict.fromkeys(channels, newest_ns))

    def state(self) -> DataState:
        return self.liveness.status().state


@pytest.fixture
def heard() -> Heard:
    return Heard()


def test_before_everybody_could_speak_nothing_is_known(heard: Heard) -> None:
    known = [heard.liveness.is_known]
    heard.clock.advance(5)
    known.append(heard.liveness.is_known)
    assert known == [False, True]
    status = heard.liveness.status()
    assert (status.state, status.age_ms) == (DataState.NO_PROCESSOR, None)


def test_everything_heard_is_live_with_the_age_of_the_newest_data(heard: Heard) -> None:
    received_ns = heard.clock.time_ns()
    heard.clock.advance(2)
    heard.everybody(received_ns)
    assert heard.liveness.is_known
    assert (heard.state(), heard.liveness.status().age_ms) == (DataState.LIVE, 2_000)


def test_heartbeats_that_go_on_without_new_data_are_not_live(heard: Heard) -> None:
    received_ns = heard.clock.time_ns()
    for _ in range(47):
        heard.everybody(received_ns)
        heard.clock.advance(1)
    heard.everybody(received_ns)
    status = heard.liveness.status()
    assert (status.state, status.age_ms) == (DataState.STALE, 47_000)


def test_data_of_a_clock_that_is_ahead_does_not_stay_young(heard: Heard) -> None:
    ahead_ns = heard.clock.time_ns() + 3_600 * 10**9
    for _ in range(7):
        heard.everybody(ahead_ns)
        heard.clock.advance(1)
    assert heard.state() is DataState.STALE


def test_who_is_silent_is_named_and_no_key_is_shown(heard: Heard) -> None:
    heard.everybody()
    heard.clock.advance(4)
    heard.only((*STORED.boards, next(iter(STORED.shards))))
    heard.clock.advance(2)
    status = heard.liveness.status()
    assert (status.state, status.detail) == (DataState.NO_PROCESSOR, "Not processed: shard 1.")
    heard.only(tuple(STORED.shards))
    heard.clock.advance(4)
    heard.only(tuple(STORED.shards))
    status = heard.liveness.status()
    assert status.state is DataState.NO_SCANNER
    assert "scanners:top_gainers" in status.detail
    assert "secret" not in status.detail


def test_a_store_that_cannot_be_read_is_told_and_its_parts_are_then_given_time(heard: Heard) -> None:
    heard.everybody()
    heard.liveness.note_store_failure()
    assert heard.state() is DataState.CACHE_AWAY
    heard.clock.advance(30)
    heard.liveness.note_listener(None)
    assert heard.state() is DataState.STALE, "the parts come back one by one: none is missing yet"
    heard.clock.advance(5)
    assert heard.state() is DataState.NO_LISTENER
    heard.liveness.note_listener(record(outlook=OPEN))
    heard.everybody()
    assert heard.state() is DataState.LIVE


def test_a_closed_market_says_when_it_opens_and_a_delayed_feed_by_how_much(heard: Heard) -> None:
    outlook = FeedOutlook(session=MarketSession.CLOSED, opens_ms=1_795_424_400_000, delay_ms=900_000)
    heard.liveness.note_listener(record(outlook=outlook))
    heard.everybody(1)
    status = heard.liveness.status()
    assert (status.state, status.opens_ms) == (DataState.MARKET_CLOSED, 1_795_424_400_000)
    heard.everybody()
    status = heard.liveness.status()
    assert (status.state, status.opens_ms, status.feed_delay_ms) == (DataState.LIVE, None, 900_000)
