"""Whether data comes in: a verdict from when each channel was last heard and whether the store answers."""

from collections.abc import Mapping
from typing import Final

from marketdata.clock import Clock
from widgets.hub.stream import age_ms
from widgets.protocol import Status

SILENT_AFTER_SECONDS: Final = 5.0
LIVE: Final = "live"
STALE: Final = "stale"


class Liveness:
    """Live means: every heartbeat was heard within `silent_after_seconds`, and the store could be read.

    Processors and scanner announce at least once a second even when nothing changes, so silence is
    never a quiet market. How old the newest market data is stands in `age_ms` of the status.

    `labels`: channel with a heartbeat -> what people may read about it. Others speak when something happens.
    """

    def __init__(
        self, labels: Mapping[str, str], clock: Clock, silent_after_seconds: float = SILENT_AFTER_SECONDS
    ) -> None:
        self._labels = labels
        self._clock = clock
        self._silent_after_seconds = silent_after_seconds
        self._heard_at: dict[str, float | None] = dict.fromkeys(labels)
        self._newest_received_ns = 0
        self._store_trouble = ""
        self._began_at = clock.monotonic()

    @property
    def store_trouble(self) -> str:
        """Why the store cannot be read; empty when it can."""
        return self._store_trouble

    def begin(self) -> None:
        """Listening starts now: until every channel had the time to speak, silence is no verdict."""
        self._began_at = self._clock.monotonic()

    @property
    def is_known(self) -> bool:
        """Whether there is a verdict: every channel was heard once, or had the time to speak."""
        had_the_time = self._clock.monotonic() >= self._began_at + self._silent_after_seconds
        return had_the_time or bool(self._store_trouble) or None not in self._heard_at.values()

    def heard(self, channel: str, received_ns: int) -> None:
        """Note an announcement and the age of the data behind it."""
        if channel in self._heard_at:
            self._heard_at[channel] = self._clock.monotonic()
        self._newest_received_ns = max(self._newest_received_ns, received_ns)

    def store_read(self) -> None:
        """Note that the store answered."""
        self._store_trouble = ""

    def store_failed(self, error: str) -> None:
        """Note that the store did not answer."""
        self._store_trouble = error

    def status(self) -> Status:
        """The verdict now, with its reason in words that people can read."""
        reason = self._reason_for_staleness()
        return Status(
            state=STALE if reason else LIVE,
            age_ms=age_ms(self._newest_received_ns, self._clock),
            detail=reason or "data comes in",
        )

    def _reason_for_staleness(self) -> str:
        if self._store_trouble:
            return "the store cannot be reached"
        silent = self._silent_channels()
        if not silent:
            return ""
        if len(silent) == len(self._heard_at):
            return f"no data for {self._silent_after_seconds:g} s"
        return f"no data for {self._silent_after_seconds:g} s from {', '.join(silent)}"

    def _silent_channels(self) -> list[str]:
        since = self._clock.monotonic() - self._silent_after_seconds
        return [
            self._labels[channel]
            for channel, heard_at in self._heard_at.items()
            if heard_at is None or heard_at < since
        ]
