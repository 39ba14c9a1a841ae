"""Delays grow, stay within their bounds, and end early when the service stops."""

import asyncio
import time

import pytest

from marketdata.runtime.backoff import Backoff, stopped_within


def test_delays_stay_under_a_ceiling_that_doubles_up_to_the_maximum() -> None:
    backoff = Backoff(initial_seconds=1.0, maximum_seconds=5.0, minimum_seconds=0.5)
    for ceiling in (1.0, 2.0, 4.0, 5.0, 5.0):
        assert 0.5 <= backoff.next_delay_seconds() <= ceiling


def test_delays_are_jittered() -> None:
    backoff = Backoff(initial_seconds=1_000.0, maximum_seconds=1_000.0)
    assert len({backoff.next_delay_seconds() for _ in range(10)}) == 10


def test_a_reset_starts_from_the_shortest_delay() -> None:
    backoff = Backoff(initial_seconds=1.0, maximum_seconds=1_000.0)
    for _ in range(8):
        backoff.next_delay_seconds()
    assert backoff.attempts == 8

    backoff.reset()

    assert backoff.attempts == 0
    assert backoff.next_delay_seconds() <= 1.0


async def test_waiting_ends_at_once_when_the_service_stops() -> None:
    stopping = asyncio.Event()
    backoff = Backoff(initial_seconds=60.0, maximum_seconds=60.0, minimum_seconds=60.0)
    waiting = asyncio.create_task(backoff.wait(stopping))
    started = time.monotonic()
    stopping.set()

    assert await waiting is False
    assert time.monotonic() - started < 5


async def test_waiting_to_the_end_allows_the_next_attempt() -> None:
    assert await Backoff(initial_seconds=0.01).wait(asyncio.Event()) is True


@pytest.mark.parametrize("already_set", [True, False])
async def test_a_stop_within_the_time_is_told(already_set: bool) -> None:
    stopping = asyncio.Event()
    if already_set:
        stopping.set()
    assert await stopped_within(stopping, 0.01) is already_set
