"""The clock of a recorded feed: see `marketdata.feed_clock`."""

from typing import Final

import msgspec

from marketdata.feed_clock import AHEAD_TOLERANCE_MS, declared_time_ms
from marketdata.feeds import Frame, StatusEvent
from marketdata.recording.wire_events import event_times_ms, mentions_status

_LONGEST_DECLARATION: Final = 1_024
_NANOSECONDS_PER_MS: Final = 1_000_000
_statuses: Final = msgspec.json.Decoder(list[StatusEvent])


class RecordedClock:
    """Follows the frames of a recording and says what time it was at the feed.

    Where the recorded feed declared its time, that is it; else the feed was live, and it is the time at which
    the frame was received.
    """

    def __init__(self) -> None:
        self._declared_ms: int | None = None

    def follow(self, frame: Frame) -> int:
        """The feed's time at the next frame, epoch milliseconds."""
        declared_ms = _declared_in(frame)
        if declared_ms is not None:
            self._declared_ms = declared_ms
        if self._declared_ms is not None:
            return self._declared_ms
        return frame.received_ns // _NANOSECONDS_PER_MS


def market_time_ms(frame: Frame, feed_time_ms: int) -> int:
    """The latest event time in a frame that can be true at the feed's time; 0 when it has none."""
    latest_ms = feed_time_ms + AHEAD_TOLERANCE_MS
    return max((time for time in event_times_ms(frame.data) if time <= latest_ms), default=0)


def _declared_in(frame: Frame) -> int | None:
    if len(frame.data) > _LONGEST_DECLARATION:
        return None
    data = frame.data if isinstance(frame.data, bytes) else frame.data.encode(errors="surrogatepass")
    if not mentions_status(data):
        return None
    try:
        statuses = _statuses.decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return None
    times_ms = [time for status in statuses if (time := declared_time_ms(status)) is not None]
    return times_ms[-1] if times_ms else None
