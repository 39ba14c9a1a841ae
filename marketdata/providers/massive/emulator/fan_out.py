"""Decides which client gets which part of a recorded frame, from its bytes and the client's subscriptions.

An unfiltered frame is sent unchanged, without reading its events. Otherwise the wanted events are joined
again from their original texts; if that is all of them, the frame is sent unchanged. A broken frame, of which
the listener saves pieces, is sent to every client unchanged: joined pieces might be divided differently.
Statuses of the recorded connection are not sent: the client's connection has its own.
"""

from collections.abc import Callable, Collection, Mapping

from marketdata.providers.massive.emulator.protocol import SERVED_CHANNELS, Subscriptions
from marketdata.recording.frames import EventHeader, FrameEvents, FrameReader


def recorded_channels(subscriptions: Collection[str]) -> frozenset[str]:
    """The channels that a recording contains, by its own subscriptions such as `A.*`.

    All channels, if the recording does not name its subscriptions.
    """
    return frozenset(entry.partition(".")[0] for entry in subscriptions) or SERVED_CHANNELS


class FanOut:
    """Decides what each client gets. `symbols` limits the events to these symbols; None means all.

    `frame_reader` reads the recorded format. A frame that is no array of events, and an event
    without a type, go to every client, as from the provider.
    """

    def __init__(
        self,
        frame_reader: FrameReader,
        channels: frozenset[str],
        symbols: frozenset[str] | None = None,
    ) -> None:
        self._frame_reader = frame_reader
        self._channels = channels
        self._symbols = symbols

    def outgoing(self, data: str | bytes) -> "Outgoing":
        """The frame in the form that gives each client its part."""
        return Outgoing(data, self._frame_reader, self._channels, self._symbols)


class Outgoing:
    """One frame for several clients. It is divided into events at most once."""

    def __init__(
        self,
        data: str | bytes,
        frame_reader: FrameReader,
        channels: frozenset[str],
        symbols: frozenset[str] | None,
    ) -> None:
        self._frame_reader = frame_reader
        self._data = data if isinstance(data, bytes) else data.encode(errors="surrogatepass")
        self._channels = channels
        self._symbols = symbols
        self._must_look = symbols is not None or frame_reader.may_have_status(self._data)
        self._events: FrameEvents | None = None
        self._looked = False

    def part_for(self, subscriptions: Subscriptions) -> bytes | None:
        """The part of the frame for a client with these subscriptions; None if there is none."""
        whole = bool(self._channels) and all(map(subscriptions.wants_all, self._channels))
        if whole and not self._must_look:
            return self._data
        events = self._look()
        if events is None or not events.texts:
            return self._data
        wanted = self._wanted(subscriptions.wants_all, subscriptions.tickers())
        texts = [text for header, text in zip(events.headers, events.texts, strict=True) if wanted(header)]
        if len(texts) == len(events.texts):
            return self._data
        return b"[" + b",".join(texts) + b"]" if texts else None

    def _look(self) -> FrameEvents | None:
        if not self._looked:
            self._events = self._frame_reader.events(self._data)
            self._looked = True
        return self._events

    def _wanted(
        self, wants_all: Callable[[str], bool], tickers: Mapping[str, frozenset[str]]
    ) -> Callable[[EventHeader], bool]:
        symbols = self._symbols

        def wanted(header: EventHeader) -> bool:
            if header.is_status:
                return False
            if not header.kind:
                return symbols is None
            if symbols is not None and header.symbol not in symbols:
                return False
            if header.kind not in self._channels:
                return True
            return wants_all(header.kind) or header.symbol in tickers.get(header.kind, ())

        return wanted
