"""Market events as Massive spells them on its stock WebSocket.

Field order and optional fields follow its stock schemas: `A`/`AM` aggregates, `T` trades, `Q` best bid and
offer, `LULD` price bands (whose symbol is `T` and whose time is in nanoseconds).
"""

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

import msgspec

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
_encoder: Final = msgspec.json.Encoder()


def frames(messages: Sequence[Message], events_per_frame: int = DEFAULT_EVENTS_PER_FRAME) -> Iterator[bytes]:
    """JSON arrays of at most so many events each."""
    for start in range(0, len(messages), events_per_frame):
        yield _encoder.encode(messages[start : start + events_per_frame])
