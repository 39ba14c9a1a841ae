"""The last trades of a symbol on their way out."""

from typing import Final

import msgspec
import numpy as np

from marketdata.clock import Clock
from marketdata.tapes import StoredTape, in_order, trades_of
from widgets.catalog import EVENTS_HELD, Feed
from widgets.hub.rows import Matrix, decimals_of
from widgets.hub.stream import Emission, Fresh, Outgoing, age_ms
from widgets.protocol import Append, Snapshot, encode_frame, encode_rows

_NOTHING: Final = np.empty((0, 4))


class TapeStream(Outgoing):
    """The newest `EVENTS_HELD` trades on the tape of a symbol, oldest first.

    What is offered is always the stored tape, so nothing can be missed. Where it only goes on from what was
    emitted, the new trades go out; a late trade, which takes its place among the others, makes a snapshot.
    """

    def __init__(self, feed: Feed, epoch: str, clock: Clock) -> None:
        super().__init__(feed, epoch, clock)
        self._held: Matrix | None = None
        self._offered: Matrix | None = None
        self._received_ns = 0
        self._market_time_ms = 0

    def offer(self, tape: StoredTape | None, received_ns: int, market_time_ms: int) -> None:
        """Take over a stored tape, None where there is none; the times are those of the newest tick."""
        self._offered = _NOTHING if tape is None else _newest_trades(tape)
        self._received_ns, self._market_time_ms = received_ns, market_time_ms

    def emit(self) -> Emission:
        """Move on to the newest tape: the text of what was appended, `Fresh.SNAPSHOT`, or None."""
        before, after = self._held, self._offered
        if after is None:
            return None
        self._held = after
        new = None if self._fresh or before is None else _appended(before, after)
        if new is None:
            self._fresh = False
            self._advance()
            return Fresh.SNAPSHOT
        if not len(new):
            return None
        self._advance()
        return encode_frame(Append(**self._position(self._market_time_ms), rows=self._encoded(new)))

    def snapshot(self) -> str | None:
        """The text of what was emitted so far; None before the first emission."""
        if self._held is None:
            return None
        position = self._position(self._market_time_ms)
        rows = self._encoded(self._held)
        return encode_frame(Snapshot(**position, columns=self.feed.columns, rows=rows, limit=EVENTS_HELD))

    def age_ms(self) -> int | None:
        """Age of the newest data of the shard when the tape was read."""
        return age_ms(self._received_ns, self._clock)

    def _encoded(self, trades: Matrix) -> msgspec.Raw:
        return encode_rows([self.feed.symbol] * len(trades), trades, decimals_of(self.feed.columns))


def _newest_trades(tape: StoredTape) -> Matrix:
    trades = trades_of(in_order(tape.ring)[-EVENTS_HELD:], tape.day_start_ms)
    return np.column_stack((trades.prices, trades.sizes, trades.timestamps, trades.sequence_numbers))


def _appended(before: Matrix, after: Matrix) -> Matrix | None:
    """The trades by which `after` goes on from `before`; None where it does not only go on."""
    if not len(before):
        return after
    (places,) = np.nonzero((after == before[-1]).all(axis=1))
    if not len(places):
        return None
    kept = places[-1] + 1
    return after[kept:] if np.array_equal(after[:kept], before[-kept:]) else None
