"""Messages with price bands as the wire has them, and a shard that they go through."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from hypothesis import strategies as st

from marketdata.store.shard_state import Checkpoint, ShardTick
from marketdata.transport.queues import QueueName
from marketdata.units import NS_PER_MS
from scanners.processor.shard import ShardProcessor
from scanners.registry import routes
from tests.support.builders import batch, block_rows, calendar_of, new_york_ms, whole_of
from tests.support.stored_ticks import StoredTicks

DAY, NEXT_DAY = "2026-11-23", "2026-11-24"
CALENDAR: Final = calendar_of(DAY, NEXT_DAY)
OPEN_MS: Final = new_york_ms(DAY, "09:30:00")
SYMBOLS: Final = ("AAA", "BB", "C")
PAUSE_MS: Final = 300_000

Wire = Mapping[str, Any]
Entry = Mapping[str, str | float | None]


def bands_wire(
    symbol: str = "AAA",
    *,
    time_ns: int,
    indicators: Sequence[int] = (15,),
    bands: tuple[float, float] = (11.0, 9.0),
    sequence_number: int = 1,
) -> Wire:
    """A message as the wire has it: the symbol after the tape, the time in nanoseconds."""
    high, low = bands
    return {
        "ev": "LULD",
        "h": high,
        "l": low,
        "i": list(indicators),
        "z": 3,
        "T": symbol,
        "t": time_ns,
        "q": sequence_number,
    }


def halt(time_of_day: str, symbol: str = "AAA") -> Wire:
    time_ns = new_york_ms(DAY, time_of_day) * NS_PER_MS
    return bands_wire(symbol, time_ns=time_ns, indicators=[17], bands=(0, 0))


def at(time_of_day: str, *indicators: int, **fields: Any) -> Wire:
    return bands_wire(time_ns=new_york_ms(DAY, time_of_day) * NS_PER_MS, indicators=indicators, **fields)


class ShardRig:
    """A shard processor, and the entries of the stream of halts that a reader of it has."""

    def __init__(self, epoch: int = 1) -> None:
        self.core = ShardProcessor(0, routes=routes(), calendar=CALENDAR, epoch=epoch)
        self.entries: list[Entry] = []
        self.stored = StoredTicks()

    def apply(self, *events: Wire, queue: QueueName = QueueName.HALTS) -> None:
        if events:
            self.core.apply([batch(queue, events)])

    def publish(self) -> ShardTick:
        tick = self.core.tick(published_ns=1)
        self.entries += [row for block in tick.streams.get("halts", ()) for row in block.rows()]
        self.stored.store(tick)
        self.core.confirm(tick)
        return tick

    def row(self, symbol: str = "AAA") -> dict[str, float | None]:
        self.publish()
        return block_rows(self.stored.rows())[symbol]

    def succeeded(self) -> "ShardRig":
        """Another owner that continues from what the cache holds, with the same reader."""
        self.core.checkpoint.store_anew()
        tick = self.publish()
        successor = ShardRig(epoch=self.core.epoch + 1)
        successor.core.restore(Checkpoint(whole_of(tick), tick.private_columns))
        successor.entries = self.entries
        return successor


@st.composite
def any_message(draw: st.DrawFn) -> Wire:
    """Messages of a few instants, nanoseconds apart, so that times and sequence numbers collide."""
    code = draw(st.sampled_from([14, 15, 17, 18, 20, 22]))
    minute = draw(st.integers(0, 12))
    symbol = draw(st.sampled_from(SYMBOLS))
    return bands_wire(
        symbol,
        # A symbol is not halted and resumed at the same instant: the kind is part of the time.
        time_ns=(OPEN_MS + minute * 60_000) * NS_PER_MS + draw(st.integers(0, 2)) * 50 + code,
        indicators=[code],
        bands=(0, 0) if code == 17 else (10.0 + minute, draw(st.sampled_from([0.0, 9.0]))),
        sequence_number=draw(st.integers(1, 3)) * 10 + minute,
    )


def distinct(messages: Iterable[Wire]) -> list[Wire]:
    """Of messages that have all of symbol, time and sequence number in common, the first."""
    kept: dict[tuple[Any, ...], Wire] = {}
    for each in messages:
        kept.setdefault((each["T"], each["t"], each["q"]), each)
    return list(kept.values())
