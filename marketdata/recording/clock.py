"""The clock of a recorded feed: see `marketdata.feeds`."""

from marketdata.feeds import AHEAD_TOLERANCE_MS, Frame
from marketdata.recording.frames import FrameReader
from marketdata.units import NS_PER_MS


class RecordedClock:
    """Follows the frames of a recording and gives the feed time of each.

    It is the time that the recorded feed declared. A feed that declared none was live: then it is the
    received time of the frame.
    """

    def __init__(self, frame_reader: FrameReader) -> None:
        self._frame_reader = frame_reader
        self._declared_ms: int | None = None

    def follow(self, frame: Frame) -> int:
        """The feed's time at the next frame, epoch milliseconds."""
        declared_ms = self._frame_reader.declared_ms(frame.data)
        if declared_ms is not None:
            self._declared_ms = declared_ms
        if self._declared_ms is not None:
            return self._declared_ms
        return frame.received_ns // NS_PER_MS


def market_time_ms(frame_reader: FrameReader, frame: Frame, feed_time_ms: int) -> int:
    """The latest event time in a frame that is not ahead of the feed time; 0 if there is none."""
    latest_ms = feed_time_ms + AHEAD_TOLERANCE_MS
    headers = frame_reader.headers(frame.data) or ()
    return max((header.time_ms for header in headers if header.time_ms <= latest_ms), default=0)
