"""The listener as a steered service: the wanted state is the provider's target."""

from collections.abc import Callable

from marketdata.feeds import FeedTarget
from marketdata.listener.report import Reporter
from marketdata.listener.wanted import ListenerWanted, encode, read_wanted
from marketdata.providers.base import Provider


class SteeredListener:
    """Implements `marketdata.runtime.steering.Steered`.

    `on_target` gets each new target of the provider.
    """

    def __init__(
        self,
        provider: Provider,
        reporter: Reporter,
        *,
        on_target: Callable[[FeedTarget], object] | None = None,
    ) -> None:
        self._provider = provider
        self._reporter = reporter
        self._on_target = on_target

    def read(self, stored: bytes) -> ListenerWanted:
        """The wanted state in a record."""
        return read_wanted(stored)

    def apply(self, wanted: ListenerWanted) -> None:
        """Make it the provider's target: all settings at once, accepted or refused together."""
        target = wanted.target
        self._provider.set_target(target)
        if target is not None and self._on_target is not None:
            self._on_target(target)

    def report(self, applied: ListenerWanted, *, refused_version: int, refusal: str) -> bytes:
        """A `ListenerActual`."""
        return encode(self._reporter.actual(applied, refused_version=refused_version, refusal=refusal))
