"""The limits of a token and of its user, with the headers that tell them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.runtime.live_settings import FixedSettings
from mdp_site.api import rate_limits
from mdp_site.api.rate_limits import RateLimits
from mdp_site.web_settings import WebSettings
from tests.support.manual_clock import ManualClock

SLOW = WebSettings(api_requests_per_second=1, api_requests_per_second_of_user=2, api_burst_seconds=3)


def limits_of(clock: ManualClock, settings: WebSettings = SLOW) -> RateLimits:
    return RateLimits(FixedSettings(settings), clock)


def test_a_token_has_its_burst_and_then_its_average() -> None:
    clock = ManualClock()
    limits = limits_of(clock)
    assert [limits.spend("token", 1).retry_seconds for _ in range(4)] == [0, 0, 0, 1]
    clock.advance(1.0)
    assert [limits.spend("token", 1).retry_seconds for _ in range(2)] == [0, 1]


def test_the_tokens_of_a_user_share_the_limit_of_the_user() -> None:
    limits = limits_of(ManualClock())
    spent = [limits.spend(f"token {number}", 1).retry_seconds for number in range(7)]
    assert spent == [0, 0, 0, 0, 0, 0, 1]
    assert limits.spend("token of another user", 2).retry_seconds == 0


def test_the_headers_tell_what_remains_and_when_all_is_there_again() -> None:
    limits = limits_of(ManualClock())
    headers = limits.spend("token", 1).headers
    assert headers["RateLimit-Policy"] == '"token";q=3;w=3, "user";q=6;w=3'
    assert headers["RateLimit"] == '"token";r=2;t=1, "user";r=5;t=1'
    for _ in range(5):
        headers = limits.spend("token", 1).headers
    assert headers["RateLimit"] == '"token";r=0;t=3, "user";r=3;t=2'


def test_clients_with_their_whole_quota_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "MOST_KEPT", 10)
    clock = ManualClock()
    limits = limits_of(clock)
    for number in range(100):
        limits.spend(f"token {number}", number)
        clock.advance(1.0)
    assert len(limits._until) <= 12


@given(pauses=st.lists(st.floats(0, 5), max_size=60))
def test_who_waits_as_told_is_served_and_nobody_exceeds_burst_and_average(pauses: list[float]) -> None:
    clock = ManualClock()
    limits = limits_of(clock)
    began = clock.monotonic()
    for served, pause in enumerate(pauses, 1):
        clock.advance(pause)
        spent = limits.spend("token", 1)
        if spent.retry_seconds:
            clock.advance(spent.retry_seconds)
            assert limits.spend("token", 1).retry_seconds == 0
        assert served <= 3 + (clock.monotonic() - began) * 1 + 1e-6


def test_changes_count_apart_from_what_is_read() -> None:
    slow = WebSettings(api_requests_per_second=1, api_changes_per_second=0.5, api_burst_seconds=4)
    limits = limits_of(ManualClock(), slow)
    assert [limits.spend_change(1).retry_seconds for _ in range(3)] == [0, 0, 2]
    assert limits.spend_change(2).retry_seconds == 0
    spent = limits.spend("token", 1)
    assert spent.retry_seconds == 0
    assert limits.spend_change(1).headers["RateLimit-Policy"] == '"changes";q=2;w=4'


def test_a_rate_below_one_in_a_burst_still_lets_one_through() -> None:
    clock = ManualClock()
    limits = limits_of(clock, WebSettings(api_changes_per_second=0.1, api_burst_seconds=1))
    assert [limits.spend_change(1).retry_seconds for _ in range(2)] == [0, 10]
    clock.advance(10.0)
    assert limits.spend_change(1).headers["RateLimit"] == '"changes";r=0;t=10'
