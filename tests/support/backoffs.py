"""How long a provider under test waits between attempts."""

from marketdata.runtime.backoff import Backoff


def soon() -> Backoff:
    """Hardly at all."""
    return Backoff(initial_seconds=0.01, maximum_seconds=0.02)


def never() -> Backoff:
    """Longer than any test: what is tried again after it is not tried at all."""
    return Backoff(initial_seconds=1_000.0, maximum_seconds=1_000.0, minimum_seconds=999.0)
