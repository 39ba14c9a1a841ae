"""Backoffs for a provider under test."""

from marketdata.runtime.backoff import Backoff


def soon() -> Backoff:
    """Waits about 10 ms."""
    return Backoff(initial_seconds=0.01, maximum_seconds=0.02)


def never() -> Backoff:
    """Waits longer than any test, so that nothing is tried again."""
    return Backoff(initial_seconds=1_000.0, maximum_seconds=1_000.0, minimum_seconds=999.0)
