"""Market events as the provider spells them on its stock WebSocket, and batches of them as columns.

Field order and optional fields follow the provider's stock schemas: `A`/`AM` aggregates, `T` trades, `Q`
best bid and offer, `LULD` price bands (whose symbol is `T` and whose time is in nanoseconds). A block
holds events as columns; objects are made, and bytes rendered, only for what somebody subscribed to.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from marketdata.synthetic_market.blocks import Block

# The provider packs several events into a frame and does not say how many. Here a frame holds what a step had
# of a channel, up to a bound; clients refuse frames above 1 MiB, which the largest events reach at 4,500.
DEFAULT_EVENTS_PER_FRAME: Final = 1_000
MAX_EVENTS_PER_FRAME: Final = 4_000


class SecondAggregateMessage(
    msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag_field="ev", tag="A"
):
    """One second of one symbol: shares, prices, the day so far; `op` only after the official open."""

    sym: str
    v: int
    dv: str
    av: int
    dav: str
    vw: float
    o: float
    c: float
    h: float
    l: float  # noqa: E741 - the provider's name
    a: float
    z: int
    s: int
    e: int
    op: float | None = None


class MinuteAggregateMessage(
    SecondAggregateMessage, frozen=True, gc=False, omit_defaults=True, tag_field="ev", tag="AM"
):
    """One minute of one symbol; same fields."""


class TradeMessage(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag_field="ev", tag="T"):
    """One print. `c` is absent on plain trades, `ds` on whole sizes, `trfi` and `trft` on exchange prints."""

    sym: str
    x: int
    i: str
    z: int
    p: float
    s: int
    t: int
    pt: int
    q: int
    c: tuple[int, ...] | None = None
    ds: str | None = None
    trfi: int | None = None
    trft: int | None = None


class QuoteMessage(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag_field="ev", tag="Q"):
    """The best bid and offer. Here `c` is one number, unlike that of a trade."""

    sym: str
    bx: int
    bp: float
    bs: int
    ax: int
    ap: float
    as_: int = msgspec.field(name="as")
    t: int
    pt: int
    q: int
    z: int
    c: int | None = None
    i: tuple[int, ...] | None = None


class PriceBandsMessage(msgspec.Struct, frozen=True, gc=False, tag_field="ev", tag="LULD"):
    """Price bands, a halt (17, both bands 0) or a reopening (18). `t` is in nanoseconds."""

    h: float
    l: float  # noqa: E741 - the provider's name
    i: tuple[int, ...]
    z: int
    T: str
    t: int
    q: int


Message: TypeAlias = (
    SecondAggregateMessage | MinuteAggregateMessage | TradeMessage | QuoteMessage | PriceBandsMessage
)
MESSAGE_TYPES: Final[Mapping[str, type[Message]]] = {
    "A": SecondAggregateMessage,
    "AM": MinuteAggregateMessage,
    "T": TradeMessage,
    "Q": QuoteMessage,
    "LULD": PriceBandsMessage,
}
_SYMBOL_FIELD: Final[Mapping[str, str]] = {"LULD": "T"}
# Fields that are the text of another column: exact sizes (aggregates trade whole shares here), trade ids.
_TEXT_OF: Final[Mapping[str, tuple[str, str]]] = {"dv": ("v", ".0"), "dav": ("av", ".0"), "i": ("q", "")}
_encoder: Final = msgspec.json.Encoder()


def messages_of(block: Block, rows: NDArray[np.int64] | slice = slice(None)) -> list[Message]:
    """The chosen events of a block (all by default) as wire objects."""
    chosen = block.chosen(rows)
    symbol_field = _SYMBOL_FIELD.get(block.channel, "sym")
    values: list[list[Any]] = []
    message_type = MESSAGE_TYPES[block.channel]
    for field in message_type.__struct_fields__:
        if field == symbol_field:
            values.append(chosen.symbols[chosen.symbol_index].tolist())
        elif field in chosen.columns:
            values.append(chosen.columns[field].tolist())
        elif field in _TEXT_OF:
            source, ending = _TEXT_OF[field]
            values.append([f"{number}{ending}" for number in chosen.columns[source].tolist()])
    return list(map(message_type, *values))


def frames(messages: Sequence[Message], events_per_frame: int = DEFAULT_EVENTS_PER_FRAME) -> Iterator[bytes]:
    """JSON arrays of at most so many events each."""
    for start in range(0, len(messages), events_per_frame):
        yield _encoder.encode(messages[start : start + events_per_frame])
