"""What a feed sends, in the platform's own structs: no version of the protocol is known here.

A feed of any kind moves on by one of four forms: everything anew (`FeedSnapshot`), rows that changed
(`FeedDelta`), rows to append (`FeedAppend`), and events that happened (`FeedAlert`).
"""

from collections.abc import Sequence
from typing import ClassVar, Final, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

_NANOSECONDS_PER_MS: Final = 1_000_000


class EmittedRows(msgspec.Struct, frozen=True, eq=False):
    """Rows as they are sent: `values[i]` are the values of `symbols[i]`, one for each of `columns`.

    NaN means absent. A column with 0 `decimals` holds integers. `texts` has the encoded rows by the name of
    the protocol version; `ProtocolVersion.rows_text` fills it.
    """

    symbols: Sequence[str]
    columns: tuple[str, ...]
    decimals: tuple[int, ...]
    values: NDArray[np.float64]
    texts: dict[str, msgspec.Raw] = msgspec.field(default_factory=dict)


class _Emitted(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Where an emission stands: `seq` counts those of a feed within an epoch.

    `received_ns` is when the newest data behind it was received, 0 when there is none.
    """

    replaces: ClassVar[bool] = False

    feed: str
    epoch: str
    seq: int
    received_ns: int
    market_time_ms: int
    rows: EmittedRows

    def age_ms(self, now_ns: int) -> int | None:
        """Age of the newest data; None when there is none. Never negative: the clocks of machines differ."""
        if self.received_ns <= 0:
            return None
        return max(0, (now_ns - self.received_ns) // _NANOSECONDS_PER_MS)


class FeedSnapshot(_Emitted, frozen=True, kw_only=True, eq=False):
    """All rows of a feed. It replaces whatever a client holds, so everybody needs one made for the moment.

    A feed that is a list has a `limit`: it holds its newest so many rows, oldest first.
    """

    replaces: ClassVar[bool] = True

    limit: int | None = None


class FeedDelta(_Emitted, frozen=True, kw_only=True, eq=False):
    """Whole rows that changed or are new, and the symbols that left; `order` only where it changed."""

    removed: Sequence[str]
    order: Sequence[str] | None


class FeedAppend(_Emitted, frozen=True, kw_only=True, eq=False):
    """Rows to append to those of a list, such as trades."""


class FeedAlert(_Emitted, frozen=True, kw_only=True, eq=False):
    """What happened since the emission before: rows to append, of which a symbol may have several."""


FeedEmission: TypeAlias = FeedSnapshot | FeedDelta | FeedAppend | FeedAlert
