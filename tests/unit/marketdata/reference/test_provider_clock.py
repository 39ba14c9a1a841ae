"""Whose clock counts: the machine's for the provider's own address, the market's own for any other."""

import pytest

from marketdata.errors import ContentError
from marketdata.providers.massive.rest.provider_clock import TOLERANCE_MS, checked_time_ms, has_own_clock
from tests.support.builders import new_york_ms

VENDOR = "https://api.massive.com"
SIMULATOR = "http://127.0.0.1:9400"
NOW_MS = new_york_ms("2026-11-16", "10:00:00")
DAY_MS = 86_400_000


@pytest.mark.parametrize("url", [VENDOR, "https://API.massive.com:443/", "https://api.polygon.io/base"])
def test_the_providers_own_address_is_at_our_time(url: str) -> None:
    assert not has_own_clock(url)


@pytest.mark.parametrize("url", [SIMULATOR, "http://localhost", "https://api.massive.com.example"])
def test_any_other_address_has_a_clock_of_its_own(url: str) -> None:
    assert has_own_clock(url)


@pytest.mark.parametrize("off_ms", [-TOLERANCE_MS, 0, TOLERANCE_MS])
def test_the_providers_time_may_be_off_by_five_minutes(off_ms: int) -> None:
    assert checked_time_ms(NOW_MS + off_ms, rest_url=VENDOR, now_ms=NOW_MS) == NOW_MS + off_ms


@pytest.mark.parametrize(
    ("told_ms", "why"),
    [
        (NOW_MS + TOLERANCE_MS + 1, "ahead"),
        (NOW_MS - TOLERANCE_MS - 1, "behind"),
        (NOW_MS + 3 * DAY_MS, "ahead"),
        (0, "impossible"),
    ],
)
def test_a_time_that_is_further_off_is_refused(told_ms: int, why: str) -> None:
    with pytest.raises(ContentError, match=f"market_time: .* is {why}"):
        checked_time_ms(told_ms, rest_url=VENDOR, now_ms=NOW_MS)


def test_a_market_with_its_own_clock_is_believed_within_what_a_market_can_be() -> None:
    past_ms = new_york_ms("2019-01-02", "10:00:00")
    assert checked_time_ms(past_ms, rest_url=SIMULATOR, now_ms=NOW_MS) == past_ms
    for told_ms in (0, 10**14):
        with pytest.raises(ContentError, match="impossible"):
            checked_time_ms(told_ms, rest_url=SIMULATOR, now_ms=NOW_MS)
