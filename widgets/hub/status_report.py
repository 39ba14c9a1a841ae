"""Decides when the state of the data is judged and when a status is sent to the connections."""

from collections.abc import Callable

import msgspec

from marketdata.clock import Clock
from marketdata.observability.logs import get_logger
from widgets.data_state import DataState
from widgets.hub.liveness import Liveness
from widgets.hub.timing import HubTiming
from widgets.protocol import Status

_log = get_logger(__name__)


class StatusReport:
    """Sends the status when it changes, and every `status_seconds`. `send` sends it to all connections."""

    def __init__(
        self, liveness: Liveness, clock: Clock, timing: HubTiming, send: Callable[[Status], None]
    ) -> None:
        self._liveness = liveness
        self._clock = clock
        self._timing = timing
        self._send = send
        self._last: Status | None = None
        self._sent: Status | None = None
        self._sent_at = self._judged_at = 0.0

    @property
    def last(self) -> Status | None:
        """The status that was judged last; None before it is known. May be read from any thread."""
        return self._last

    def now(self) -> Status | None:
        """The status at this moment; None before it is known."""
        return self._liveness.status() if self._liveness.is_known else None

    def send_when_recovered(self) -> None:
        """Judge the data after a walk, unless it is live or was judged a moment ago."""
        is_live = self._sent is not None and self._sent.state is DataState.LIVE
        if not is_live and self._clock.monotonic() - self._judged_at >= self._timing.recovery_seconds:
            self.send_when_due()

    def send_when_due(self) -> None:
        """Judge the data and, if it is due, send the status."""
        now = self._judged_at = self._clock.monotonic()
        status = self.now()
        if status is None:
            return
        self._last = status
        before = self._sent
        if before is not None and status.state is before.state:
            # Numbers that grow are told with the next status that is due anyway. A changed detail of the same
            # state is sent with the housekeeping, not with each walk.
            numbers = {"age_ms": before.age_ms, "lost_events": before.lost_events}
            same = msgspec.structs.replace(status, **numbers) == before
            pause = self._timing.status_seconds if same else self._timing.housekeeping_seconds
            if now - self._sent_at < pause:
                return
        else:
            _log.info("market data status", state=status.state, detail=status.detail)
        self._sent, self._sent_at = status, now
        self._send(status)
