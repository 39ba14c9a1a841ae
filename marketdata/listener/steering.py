"""Applies the wanted state of the listener to its provider."""

from collections.abc import Callable

from marketdata.errors import ConfigurationError
from marketdata.feeds import ConnectionTarget
from marketdata.listener.report import Reporter
from marketdata.listener.wanted import ListenerWanted, encode
from marketdata.providers.base import Provider
from marketdata.runtime.live_settings import put_into_effect, restart_if_wanted
from marketdata.runtime.settings import read_settings


class SteeredListener:
    """Implements `marketdata.runtime.steering.Steered`.

    `own` are the settings with which the process started, and `source` is its identity. `on_target` is called
    with each target that the provider accepted. `switch_recording` begins or ends a recording; None if there
    is none to switch.
    """

    def __init__(
        self,
        provider: Provider,
        reporter: Reporter,
        own: ListenerWanted,
        *,
        source: str = "",
        on_target: Callable[[ConnectionTarget], object] | None = None,
        switch_recording: Callable[[bool], object] | None = None,
    ) -> None:
        self._switch_recording = switch_recording
        self._provider = provider
        self._reporter = reporter
        self._on_target = on_target
        self._source = source
        self._own = self._current = own

    @property
    def works(self) -> bool:
        """Whether operators want the feed."""
        return self._current.running

    def read(self, stored: bytes) -> ListenerWanted:
        """The wanted state in a record. A setting that the record omits has its value in `own`."""
        return read_settings(stored, self._own)

    def apply(self, wanted: ListenerWanted) -> None:
        """Set the provider's target, and put the other settings into effect.

        All settings go together: they are accepted or refused as a whole.
        """
        if wanted.recording and self._switch_recording is None:
            raise ConfigurationError(
                "recording is on; accepted: off, because this listener was started without --record"
            )
        target = wanted.target
        self._provider.set_target(target)
        if target is not None and self._on_target is not None:
            self._on_target(target)
        if self._switch_recording is not None:
            self._switch_recording(wanted.recording)
        before, self._current = self._current, wanted
        put_into_effect(before, wanted)
        restart_if_wanted(wanted, self._source)

    def report(self, applied: ListenerWanted, *, refused_version: int, refusal: str) -> bytes:
        """The report, an encoded `ListenerActual`."""
        return encode(self._reporter.actual(applied, refused_version=refused_version, refusal=refusal))
