"""How many connections, messages and bytes one web process grants."""

import asyncio

import pytest

from marketdata.errors import ConfigurationError
from marketdata.runtime.cancellation import end
from marketdata.runtime.live_settings import FixedSettings, LiveSettings
from tests.support.deadlines import eventually
from tests.support.manual_clock import ManualClock
from widgets.consumers import Connections, check_limits
from widgets.consumers.limits import Allowance
from widgets.protocol import CloseCode
from widgets.settings import WidgetLimits

ended: list[CloseCode] = []
"""The codes with which connections were ended."""


def live(limits: WidgetLimits) -> LiveSettings[WidgetLimits]:
    return LiveSettings(limits, source="this test", clock=ManualClock(time_ms=0), check=check_limits)


def test_places_are_counted_for_each_user_and_given_back() -> None:
    connections = Connections(FixedSettings(WidgetLimits(connections_per_user=1)))
    assert connections.enter(1, ended.append) is None
    assert connections.enter(2, ended.append) is None
    assert connections.enter(1, ended.append) is CloseCode.TOO_MANY_CONNECTIONS
    connections.leave(1, ended.append)
    assert connections.enter(1, ended.append) is None


def test_a_process_that_is_full_says_to_try_later() -> None:
    settings = live(WidgetLimits(connections_per_process=1))
    connections = Connections(settings)
    assert connections.enter(1, ended.append) is None
    assert connections.enter(2, ended.append) is CloseCode.TRY_LATER
    settings.apply(WidgetLimits(connections_per_process=2))
    assert connections.enter(2, ended.append) is None


def test_a_limit_below_what_is_open_refuses_new_connections_until_enough_have_left() -> None:
    settings = live(WidgetLimits())
    connections = Connections(settings)
    assert [connections.enter(1, ended.append) for _ in range(3)] == [None] * 3
    settings.apply(WidgetLimits(connections_per_user=2))
    assert connections.enter(1, ended.append) is CloseCode.TOO_MANY_CONNECTIONS
    connections.leave(1, ended.append)
    assert connections.enter(1, ended.append) is CloseCode.TOO_MANY_CONNECTIONS
    connections.leave(1, ended.append)
    assert connections.enter(1, ended.append) is None


def test_a_client_may_be_ahead_of_its_average_by_a_burst_and_then_keeps_the_average() -> None:
    limits, allowance = WidgetLimits(messages_per_second=2, message_burst_seconds=10), Allowance()
    assert [allowance.spend(10, 100.0, limits) for _ in range(21)] == [True] * 20 + [False]
    allowance = Allowance()
    assert all(allowance.spend(10, 100.0 + number / 2, limits) for number in range(1_000))


def test_bytes_are_limited_as_messages_are() -> None:
    limits, allowance = WidgetLimits(message_bytes_per_second=100_000, message_burst_seconds=1), Allowance()
    assert [allowance.spend(50_000, 100.0, limits) for _ in range(3)] == [True, True, False]


def test_the_feeds_that_messages_name_are_limited_on_their_own() -> None:
    limits, allowance = WidgetLimits(message_feeds_per_second=100, message_burst_seconds=10), Allowance()
    assert [allowance.spend_feeds(200, 100.0, limits) for _ in range(6)] == [True] * 5 + [False]
    allowance = Allowance()
    assert all(allowance.spend_feeds(100, 100.0 + number, limits) for number in range(1_000))


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (WidgetLimits(message_bytes_per_second=10), "accepted: enough for a message of 65536 bytes"),
        (
            WidgetLimits(messages_per_second=0.1, message_burst_seconds=5),
            "messages_per_second is 0.1 for message_burst_seconds 5; accepted: enough for one message",
        ),
        (WidgetLimits(message_feeds_per_second=10), "accepted: enough for a message of 200 feeds"),
        (
            WidgetLimits(reconnect_restart_ms=40_000),
            "reconnect_longest_ms is 30000; accepted: at least 40000 ms",
        ),
    ],
)
def test_limits_that_do_not_go_together_are_named_and_none_is_applied(
    wrong: WidgetLimits, named: str
) -> None:
    settings = live(WidgetLimits())
    with pytest.raises(ConfigurationError, match=named):
        settings.apply(wrong)
    assert settings.current == WidgetLimits()


def test_the_defaults_go_together() -> None:
    check_limits(WidgetLimits())


async def test_a_pause_ends_the_connections_and_lets_none_in_until_it_is_over() -> None:
    ended.clear()
    settings = live(WidgetLimits())
    connections = Connections(settings)
    pausing = asyncio.create_task(connections.end_at_pauses())
    try:
        assert connections.enter(1, ended.append) is None
        settings.apply(WidgetLimits(running=False))
        await eventually(lambda: ended == [CloseCode.RESTART], 2.0)
        connections.leave(1, ended.append)
        assert connections.enter(1, ended.append) is CloseCode.RESTART
        assert connections.enter_unauthenticated("::1") is CloseCode.RESTART
        settings.apply(WidgetLimits(drained=("another",)))
        assert connections.enter(1, ended.append) is None
        settings.apply(WidgetLimits(drained=("another", settings.source)))
        await eventually(lambda: ended == 2 * [CloseCode.RESTART], 2.0)
    finally:
        await end(pausing)
