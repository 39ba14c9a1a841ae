"""What the end of a session means, and what the provider must be told to start one."""

import pytest
from massive.exceptions import AuthError
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Close

from marketdata.errors import ConfigurationError
from marketdata.feeds import StatusEvent
from marketdata.providers.massive.configuration import MassiveConfiguration
from marketdata.providers.massive.connection_end import (
    ConnectionEnd,
    EndReason,
    RetryDelays,
    Undialled,
    end_from_outcome,
    end_from_silence,
    end_from_status,
)
from marketdata.runtime.backoff import Backoff


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (None, EndReason.CLOSED_BY_SERVER),
        (AuthError("authentication failed"), EndReason.AUTH_FAILED),
        (ConnectionClosedError(None, None), EndReason.CONNECTION_LOST),
        (KeyError("status"), EndReason.PROTOCOL_ERROR),
    ],
)
def test_the_outcome_of_the_sdk_names_the_reason(error: BaseException | None, reason: EndReason) -> None:
    assert end_from_outcome(error, None).reason is reason


def test_an_announced_end_explains_a_close_that_says_nothing() -> None:
    announced = end_from_status(StatusEvent("max_connections", "limit reached"))

    end = end_from_outcome(ConnectionClosedError(None, None), announced)

    assert end == ConnectionEnd(EndReason.MAX_CONNECTIONS, "limit reached")
    assert end.refused


@pytest.mark.parametrize("status", ["success", "error", "connected", "invented"])
def test_other_statuses_announce_no_end(status: str) -> None:
    assert end_from_status(StatusEvent(status)) is None


@pytest.mark.parametrize(
    ("connected", "subscribed", "answered", "reason"),
    [
        (False, False, False, EndReason.UNREACHABLE),
        (True, False, False, EndReason.NOT_AUTHENTICATED),
        (True, True, False, EndReason.NOT_SUBSCRIBED),
        (True, True, True, EndReason.SILENT),
    ],
)
def test_silence_is_named_by_how_far_the_session_came(
    connected: bool, subscribed: bool, answered: bool, reason: EndReason
) -> None:
    assert end_from_silence(connected=connected, subscribed=subscribed, answered=answered).reason is reason


def constant(seconds: float) -> Backoff:
    return Backoff(initial_seconds=seconds, maximum_seconds=seconds, minimum_seconds=seconds)


def test_losses_are_retried_quickly_then_patiently_and_refusals_wait_at_once() -> None:
    delays = RetryDelays(2, quick=constant(1), patient=constant(10), refused=constant(100))
    lost, refused = ConnectionEnd(EndReason.CONNECTION_LOST), ConnectionEnd(EndReason.AUTH_FAILED)

    assert [delays.next_delay_seconds(lost) for _ in range(3)] == [1, 1, 10]
    assert delays.next_delay_seconds(refused) == 100
    delays.reset()
    assert delays.next_delay_seconds(lost) == 1


def test_the_feed_is_a_name_of_the_vendor_or_an_address() -> None:
    assert MassiveConfiguration(api_key="key", feed="Delayed").host == "delayed.massive.com"
    assert MassiveConfiguration(api_key="", feed="127.0.0.1:8765").host == "127.0.0.1:8765"


@pytest.mark.parametrize(
    ("setting", "wrong"),
    [
        ("MASSIVE_FEED", {"feed": "Realtime"}),
        ("MASSIVE_API_KEY", {"api_key": ""}),
        ("MASSIVE_MARKET", {"market": "crypto"}),
        ("MASSIVE_MARKET", {"market": "options", "subscriptions": ("T.O:SPY251219C00650000",)}),
        ("MASSIVE_MARKET", {"market": "indices", "subscriptions": ("V.I:SPX",)}),
        ("MASSIVE_SUBSCRIPTIONS", {"subscriptions": ("V.*",)}),
        ("MASSIVE_SUBSCRIPTIONS", {"subscriptions": ()}),
        ("MASSIVE_SUBSCRIPTIONS", {"subscriptions": ("T",)}),
        ("MASSIVE_SUBSCRIPTIONS", {"subscriptions": ("ZZ.*",)}),
        ("MASSIVE_SUBSCRIPTIONS", {"subscriptions": ("T.AAPL,T.MSFT",)}),
    ],
)
def test_a_wrong_setting_is_refused_by_name(setting: str, wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match=setting):
        MassiveConfiguration(**({"api_key": "key"} | wrong))  # type: ignore[arg-type]


def test_a_close_for_policy_reasons_is_a_refusal_and_a_failed_attempt_is_not() -> None:
    by_policy = ConnectionClosedError(Close(1008, "policy"), None)

    assert end_from_outcome(by_policy, None).refused
    assert end_from_outcome(Undialled("HTTP 503"), None) == ConnectionEnd(EndReason.UNREACHABLE, "HTTP 503")


def test_a_server_that_cannot_be_reached_is_asked_again_within_seconds_for_ever() -> None:
    delays = RetryDelays(2)
    unreachable = ConnectionEnd(EndReason.UNREACHABLE)

    waits = [delays.next_delay_seconds(unreachable) for _ in range(200)]

    assert max(waits) <= 4.0
    assert min(waits) >= 0.2


@pytest.mark.parametrize("symbol", ["BRK.B", "WFC+", "BACpB", "AAM=", "BC/WS"])
def test_single_stocks_of_every_kind_can_be_subscribed_to(symbol: str) -> None:
    MassiveConfiguration(api_key="key", subscriptions=(f"T.{symbol}",))


def test_the_vendors_own_feeds_are_always_encrypted() -> None:
    assert MassiveConfiguration(api_key="key", feed="Delayed", secure=False).uses_tls
    assert not MassiveConfiguration(api_key="", feed="127.0.0.1:9400", secure=False).uses_tls


@pytest.mark.parametrize(
    ("feed", "delay_ms"),
    [
        ("RealTime", 0),
        ("Delayed", 900_000),
        ("DelayedFullMarketBusiness", 900_000),
        ("delayed.massive.com:443", 900_000),
        ("127.0.0.1:9400", 0),
    ],
)
def test_a_delayed_feed_is_known_by_its_name(feed: str, delay_ms: int) -> None:
    assert MassiveConfiguration(api_key="key", feed=feed).delay_ms == delay_ms
