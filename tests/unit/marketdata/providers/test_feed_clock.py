"""Whose clock bounds the stamps of a feed: ours for the vendor's feeds, its own where it declares one."""

import pytest

from marketdata.feeds import CLOCK_STATUS, DECLARATION_LIFE_NS, ConnectionTarget, StatusEvent
from marketdata.providers.buffered import FeedClock
from marketdata.providers.massive.client import MassiveProvider
from marketdata.providers.massive.configuration import DELAY_MS, DELAY_ROOM_MS, MassiveConfiguration

RECEIVED_MS = 1_795_190_400_000
RECEIVED_NS = RECEIVED_MS * 1_000_000
SIMULATED_MS = 1_700_000_000_000
DECLARATION = StatusEvent(CLOCK_STATUS, str(SIMULATED_MS))


def provider(feed: str) -> MassiveProvider:
    return MassiveProvider(MassiveConfiguration(api_key="key", feed=feed))


@pytest.mark.parametrize("feed", ["RealTime", "Business", "Launchpad"])
def test_a_live_feed_is_on_the_time_of_its_arrival_whatever_it_says(feed: str) -> None:
    live = provider(feed)
    live.on_statuses([DECLARATION])
    assert live.feed_time_ms(RECEIVED_NS) == RECEIVED_MS


@pytest.mark.parametrize("feed", ["Delayed", "DelayedBusiness"])
def test_a_delayed_feed_is_on_an_earlier_time(feed: str) -> None:
    assert provider(feed).feed_time_ms(RECEIVED_NS) == RECEIVED_MS - DELAY_MS + DELAY_ROOM_MS


def test_a_feed_of_our_choice_declares_its_time() -> None:
    simulated = provider("127.0.0.1:9000")
    assert simulated.feed_time_ms(RECEIVED_NS) == RECEIVED_MS
    simulated.on_statuses([DECLARATION])
    assert simulated.feed_time_ms(RECEIVED_NS) == SIMULATED_MS


def test_another_feed_has_another_clock() -> None:
    turned = provider("127.0.0.1:9000")
    turned.on_statuses([DECLARATION])
    turned.set_target(ConnectionTarget(feed="RealTime", market="stocks", subscriptions=("T.*",)))
    turned.on_statuses([DECLARATION])
    assert turned.feed_time_ms(RECEIVED_NS) == RECEIVED_MS


@pytest.mark.parametrize(
    "message", ["", "now", "-5", "1e12", "1700000000.5", "9" * 14, "\u0661\u0662", " 12"]
)
def test_a_declaration_that_is_no_time_does_not_count(message: str) -> None:
    clock = FeedClock(may_declare=True)
    clock.apply_declarations([DECLARATION])
    odd = StatusEvent(CLOCK_STATUS, message)
    assert clock.apply_declarations([odd]) == [odd], "it is left to be noted as a status that nobody knows"
    assert clock.feed_time_ms(RECEIVED_NS) == SIMULATED_MS


@pytest.mark.parametrize("declared_ms", [0, 946_684_799_999, 4_102_444_800_000, 9_999_999_999_999])
def test_a_time_that_no_market_has_is_no_declaration(declared_ms: int) -> None:
    clock = FeedClock(may_declare=True)
    assert clock.apply_declarations([StatusEvent(CLOCK_STATUS, str(declared_ms))])
    assert clock.feed_time_ms(RECEIVED_NS) == RECEIVED_MS


def test_a_feed_that_declares_no_more_is_a_live_one_again() -> None:
    clock = FeedClock(may_declare=True)
    clock.apply_declarations([DECLARATION])
    assert clock.feed_time_ms(RECEIVED_NS) == SIMULATED_MS
    assert clock.feed_time_ms(RECEIVED_NS + DECLARATION_LIFE_NS) == SIMULATED_MS
    later_ns = RECEIVED_NS + DECLARATION_LIFE_NS + 1_000_000
    assert clock.feed_time_ms(later_ns) == later_ns // 1_000_000


def test_the_vendors_host_by_its_name_is_a_vendor_feed_too() -> None:
    configuration = MassiveConfiguration(api_key="key", feed="socket.massive.com", secure=False)
    assert configuration.is_vendor_feed
    assert configuration.uses_tls
    assert configuration.host == "socket.massive.com"


def test_other_statuses_are_left() -> None:
    success = StatusEvent("success", "subscribed to: T.*")
    assert FeedClock(may_declare=True).apply_declarations([success, DECLARATION]) == [success]
