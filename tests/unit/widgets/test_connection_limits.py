"""How many connections, messages and bytes one web process grants."""

import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.clock import SystemClock
from marketdata.errors import ConfigurationError
from marketdata.runtime.cancellation import end
from marketdata.runtime.live_settings import FixedSettings, LiveSettings
from tests.support.deadlines import eventually
from tests.support.manual_clock import ManualClock
from widgets.consumers import Connections, check_limits
from widgets.consumers.connections import UserShare
from widgets.consumers.limits import Allowance, spend_feeds, spend_message
from widgets.protocol import CloseCode
from widgets.settings import WidgetLimits

ended: list[CloseCode] = []
"""The codes with which connections were ended."""


def live(limits: WidgetLimits) -> LiveSettings[WidgetLimits]:
    return LiveSettings(limits, source="this test", clock=ManualClock(time_ms=0), check=check_limits)


LIMITS = WidgetLimits(
    messages_per_second=2,
    user_messages_per_second=2,
    user_message_bytes_per_second=65_536 / 1.09,
    message_bytes_per_second=7_000,
    message_feeds_per_second=200,
    user_message_feeds_per_second=200,
)


def entered(connections: Connections, user_id: int) -> UserShare:
    share = connections.enter(user_id, ended.append)
    assert isinstance(share, UserShare)
    return share


def test_places_are_counted_for_each_user_and_given_back() -> None:
    connections = Connections(FixedSettings(WidgetLimits(connections_per_user=1)), SystemClock())
    entered(connections, 1)
    entered(connections, 2)
    assert connections.enter(1, ended.append) == (CloseCode.TOO_MANY_CONNECTIONS, "connections_per_user")
    connections.leave(1, ended.append)
    entered(connections, 1)


def test_a_process_that_is_full_says_to_try_later() -> None:
    settings = live(WidgetLimits(connections_per_process=1))
    connections = Connections(settings, SystemClock())
    entered(connections, 1)
    assert connections.enter(2, ended.append) == (CloseCode.TRY_LATER, "connections_per_process")
    settings.apply(WidgetLimits(connections_per_process=2))
    entered(connections, 2)


def test_a_limit_below_what_is_open_refuses_new_connections_until_enough_have_left() -> None:
    settings = live(WidgetLimits())
    connections = Connections(settings, SystemClock())
    shares = [entered(connections, 1) for _ in range(3)]
    assert shares[0].connections == 3
    settings.apply(WidgetLimits(connections_per_user=2))
    assert connections.enter(1, ended.append) == (CloseCode.TOO_MANY_CONNECTIONS, "connections_per_user")
    connections.leave(1, ended.append)
    assert connections.enter(1, ended.append) == (CloseCode.TOO_MANY_CONNECTIONS, "connections_per_user")
    connections.leave(1, ended.append)
    entered(connections, 1)


def test_a_user_who_connects_anew_has_the_allowance_that_was_left_and_is_forgotten_when_it_is_unused() -> (
    None
):
    clock = ManualClock()
    connections = Connections(FixedSettings(LIMITS), clock)
    share = entered(connections, 1)
    assert spend_message(Allowance(), share.allowance, 10, clock.monotonic(), LIMITS) is None
    connections.leave(1, ended.append)
    assert entered(connections, 1) is share
    connections.leave(1, ended.append)
    clock.advance(LIMITS.message_burst_seconds)
    entered(connections, 2)
    assert entered(connections, 1) is not share


@given(
    st.lists(st.tuples(st.integers(1, 4), st.sampled_from(["enter", "leave", "spend", "wait"])), max_size=60)
)
def test_only_users_with_connections_or_an_allowance_in_use_are_remembered(
    history: list[tuple[int, str]],
) -> None:
    clock = ManualClock()
    connections, open_of, shares = Connections(FixedSettings(LIMITS), clock), Counter[int](), {}
    for user, what in history:
        if what == "enter":
            shares[user] = entered(connections, user)
            open_of[user] += 1
        elif what == "wait":
            clock.advance(float(user))
        elif open_of[user] and what == "leave":
            connections.leave(user, ended.append)
            open_of[user] -= 1
        elif open_of[user]:
            spend_message(Allowance(), shares[user].allowance, 10, clock.monotonic(), LIMITS)
        assert all(shares[each].connections == count for each, count in open_of.items() if count)
    clock.advance(2 * len(history) + LIMITS.message_burst_seconds)
    entered(connections, 9)
    assert connections._by_user.keys() == {9} | {user for user, count in open_of.items() if count}


def test_a_client_may_be_ahead_of_its_average_by_a_burst_and_then_keeps_the_average() -> None:
    limits, allowance = WidgetLimits(messages_per_second=2, message_burst_seconds=10), Allowance()
    spent = [spend_message(allowance, None, 10, 100.0, limits) for _ in range(21)]
    assert spent == [None] * 20 + ["messages_per_second"]
    allowance = Allowance()
    assert not any(spend_message(allowance, None, 10, 100.0 + number / 2, limits) for number in range(1_000))


def test_bytes_are_limited_as_messages_are() -> None:
    limits, allowance = WidgetLimits(message_bytes_per_second=100_000, message_burst_seconds=1), Allowance()
    spent = [spend_message(allowance, None, 50_000, 100.0, limits) for _ in range(3)]
    assert spent == [None, None, "message_bytes_per_second"]


def test_the_feeds_that_messages_name_are_limited_on_their_own() -> None:
    limits, allowance = WidgetLimits(message_feeds_per_second=100, message_burst_seconds=10), Allowance()
    spent = [spend_feeds(allowance, None, 200, 100.0, limits) for _ in range(6)]
    assert spent == [None] * 5 + ["message_feeds_per_second"]
    allowance = Allowance()
    assert not any(spend_feeds(allowance, None, 100, 100.0 + number, limits) for number in range(1_000))


@pytest.mark.parametrize("connections", [1, 4, 20])
def test_however_many_connections_a_user_has_together_they_may_send_what_a_user_may(connections: int) -> None:
    """Each of them alone would be within its own limits."""
    user, own = Allowance(), [Allowance() for _ in range(connections)]
    sent = [spend_message(own[number % connections], user, 10, 100.0, LIMITS) for number in range(40)]
    assert sent.count(None) == min(20, 40)
    assert set(sent) == (
        {None, "messages_per_second"} if connections == 1 else {None, "user_messages_per_second"}
    )


def test_bytes_and_feeds_of_a_user_are_counted_over_all_connections() -> None:
    user = Allowance()
    sizes = [spend_message(Allowance(), user, 60_000, 100.0, LIMITS) for _ in range(12)]
    assert sizes == [None] * 10 + ["user_message_bytes_per_second"] * 2
    feeds = [spend_feeds(Allowance(), user, 200, 100.0, LIMITS) for _ in range(11)]
    assert feeds == [None] * 10 + ["user_message_feeds_per_second"]


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (WidgetLimits(message_bytes_per_second=10), "accepted: enough for a message of 65536 bytes"),
        (
            WidgetLimits(messages_per_second=0.1, message_burst_seconds=5),
            "messages_per_second is 0.1 for message_burst_seconds 5; accepted: enough for one message",
        ),
        (
            WidgetLimits(messages_per_second=300),
            "user_messages_per_second is 200.0; accepted: at least 300, what one connection may have",
        ),
        (WidgetLimits(feeds_per_user=499), "feeds_per_user is 499; accepted: at least 500"),
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
    connections = Connections(settings, SystemClock())
    pausing = asyncio.create_task(connections.end_at_pauses())
    try:
        entered(connections, 1)
        settings.apply(WidgetLimits(running=False))
        await eventually(lambda: ended == [CloseCode.RESTART], 2.0)
        connections.leave(1, ended.append)
        assert connections.enter(1, ended.append) == (CloseCode.RESTART, "")
        assert connections.enter_unauthenticated("::1") == (CloseCode.RESTART, "")
        settings.apply(WidgetLimits(drained=("another",)))
        entered(connections, 1)
        settings.apply(WidgetLimits(drained=("another", settings.source)))
        await eventually(lambda: ended == 2 * [CloseCode.RESTART], 2.0)
    finally:
        await end(pausing)
