"""How many connections, messages and bytes one web process grants."""

import msgspec
import pytest

from marketdata.errors import ConfigurationError
from widgets.consumers import Connections, WidgetLimits
from widgets.consumers.limits import Allowance
from widgets.protocol import CloseCode


def test_places_are_counted_for_each_user_and_given_back() -> None:
    connections = Connections(WidgetLimits(connections_per_user=1))
    assert connections.enter(1, "a") is None
    assert connections.enter(2, "a") is None
    assert connections.enter(1, "b") is CloseCode.TOO_MANY_CONNECTIONS
    connections.leave(1, "a")
    assert connections.enter(1, "b") is None


def test_places_are_counted_for_each_address() -> None:
    connections = Connections(WidgetLimits(connections_per_address=2))
    assert [connections.enter(user, "a") for user in (1, 2)] == [None, None]
    assert connections.enter(3, "a") is CloseCode.TOO_MANY_CONNECTIONS
    assert connections.enter(3, "b") is None
    connections.leave(1, "a")
    assert connections.enter(1, "a") is None


def test_a_process_that_is_full_says_to_try_later() -> None:
    connections = Connections(WidgetLimits(connections_per_process=1))
    assert connections.enter(1, "a") is None
    assert connections.enter(2, "b") is CloseCode.TRY_LATER
    connections.limits = msgspec.structs.replace(connections.limits, connections_per_process=2)
    assert connections.enter(2, "b") is None


def test_a_client_may_be_ahead_of_its_average_by_a_burst_and_then_keeps_the_average() -> None:
    limits, allowance = WidgetLimits(messages_per_second=2, burst_seconds=10), Allowance()
    assert [allowance.spend(10, 100.0, limits) for _ in range(21)] == [True] * 20 + [False]
    allowance = Allowance()
    assert all(allowance.spend(10, 100.0 + number / 2, limits) for number in range(1_000))


def test_bytes_are_limited_as_messages_are() -> None:
    limits, allowance = WidgetLimits(bytes_per_second=100_000, burst_seconds=1), Allowance()
    assert [allowance.spend(50_000, 100.0, limits) for _ in range(3)] == [True, True, False]


def test_the_feeds_that_messages_name_are_limited_on_their_own() -> None:
    limits, allowance = WidgetLimits(feeds_per_second=100, burst_seconds=10), Allowance()
    assert [allowance.spend_feeds(200, 100.0, limits) for _ in range(6)] == [True] * 5 + [False]
    allowance = Allowance()
    assert all(allowance.spend_feeds(100, 100.0 + number, limits) for number in range(1_000))


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"connections_per_user": 0}, "connections_per_user is 0; accepted: a positive number"),
        ({"messages_per_second": float("nan")}, "messages_per_second is nan"),
        ({"bytes_per_second": 10}, "accepted: enough for a message of 65536 bytes"),
        ({"messages_per_second": 0.01}, "accepted: enough for one message"),
        ({"feeds_per_second": 10}, "accepted: enough for a message of 200 feeds"),
    ],
)
def test_a_wrong_limit_is_named(wrong: dict[str, float], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        WidgetLimits(**wrong)  # type: ignore[arg-type] # that is the point
