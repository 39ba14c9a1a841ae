"""A tape equals the set of a symbol's newest thousand trades, however these came and were stored."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.errors import ContentError
from marketdata.tapes import (
    HEADER_BYTES,
    RECORD_BYTES,
    TAPE_TRADES,
    TapeWrites,
    decode_tape,
    in_order,
    newest_first,
    records_of,
)
from scanners.tape import PORTION_BYTES, SUMMARY_COLUMNS, Tapes

DAY_START_MS = 1_795_000_000_000
SYMBOLS = ("A", "B", "C")
QUARTERS = 4  # sizes in quarters of a share: sums of floats are then exact in any order


class Print(NamedTuple):
    """A trade as the tests' slow tape holds it; tuples compare as trades do."""

    time_ms: int
    sequence_number: int
    price: float
    size: float
    identity: int


class SlowTape:
    """What `docs/metrics.md` says, over a set and without a thought of speed."""

    def __init__(self) -> None:
        self.prints: set[Print] = set()

    @property
    def newest(self) -> Sequence[Print]:
        return sorted(self.prints)[-TAPE_TRADES:]

    def summary(self) -> Mapping[str, float]:
        tape = self.newest
        sizes = [each.size for each in tape]
        span_ms = tape[-1].time_ms - tape[0].time_ms
        in_minute = [each for each in tape if each.time_ms > tape[-1].time_ms - 60_000]
        crowded = len(in_minute) == TAPE_TRADES
        return {
            "trade_count": len(tape),
            "trade_volume": sum(sizes),
            "trade_average_size": sum(sizes) / len(tape),
            "trade_largest_size": max(sizes),
            "trade_span_ms": span_ms,
            "trades_per_minute": TAPE_TRADES * 60_000 / max(span_ms, 1) if crowded else len(in_minute),
        }


class ComparedTapes:
    """Tapes, slow tapes that get the same trades, and the strings that a cache would have."""

    def __init__(self) -> None:
        self.tape = Tapes(len(SYMBOLS))
        self.tape.begin(DAY_START_MS)
        self.slow = [SlowTape() for _ in SYMBOLS]
        self.stored: dict[str, bytearray] = {}

    def add(self, prints: Sequence[tuple[int, Print]]) -> None:
        add(self.tape, prints)
        for row, each in prints:
            self.slow[row].prints.add(each)

    def store(self) -> None:
        apply_writes(self.stored, self.tape.writes(SYMBOLS))
        self.tape.confirm()

    def succeed(self) -> None:
        """Another process continues from what is stored."""
        self.tape = Tapes(len(SYMBOLS))
        self.tape.begin(DAY_START_MS)
        for symbol, data in self.stored.items():
            self.tape.restore(SYMBOLS.index(symbol), decode_tape(bytes(data)))

    def check(self) -> None:
        rows, columns = self.tape.take_summary(np.arange(len(SYMBOLS)))
        for index, row in enumerate(rows.tolist()):
            found = {name: column[index] for name, column in zip(SUMMARY_COLUMNS, columns, strict=True)}
            assert found == self.slow[row].summary()


def add(tape: Tapes, prints: Sequence[tuple[int, Print]]) -> None:
    rows = np.array([row for row, _ in prints], dtype=np.intp)
    times, numbers, prices, sizes, identities = (
        np.array(part) for part in zip(*(each for _, each in prints), strict=True)
    )
    tape.add(rows, records_of(times, numbers, prices, sizes, identities, day_start_ms=DAY_START_MS))


def apply_writes(stored: dict[str, bytearray], writes: TapeWrites) -> None:
    """As the cache does: SET where the offset is 0, else SETRANGE."""
    for symbol, offset, part in zip(writes.symbols, writes.offsets, writes.parts, strict=True):
        if offset == 0:
            stored[symbol] = bytearray(part)
        else:
            assert HEADER_BYTES <= offset <= len(stored[symbol]), "a write must leave no hole"
            stored[symbol][offset : offset + len(part)] = part


def prints_at(
    times_ms: Iterable[int], *, chance: np.random.Generator, row: int = 0
) -> list[tuple[int, Print]]:
    """Prints with few different sequence numbers, prices, sizes and identities, so that many are equal."""
    return [
        (row, Print(DAY_START_MS + time_ms, number, price, quarters / QUARTERS, identity))
        for time_ms in times_ms
        for number, price, quarters, identity in [chance.integers((0, 1, 1, 0), (3, 3, 9, 2)).tolist()]
    ]


steps = st.lists(
    st.tuples(
        st.sampled_from(("forward", "late", "again", "burst")),
        st.integers(1, 600),
        st.sampled_from(("go on", "check", "store", "succeed")),
    ),
    max_size=12,
)


@given(seed=st.integers(0, 2**32), steps=steps)
def test_a_tape_is_the_set_of_the_newest_trades_in_any_order_and_after_any_restart(
    seed: int, steps: list[tuple[str, int, str]]
) -> None:
    chance = np.random.default_rng(seed)
    tapes, now_ms, last = ComparedTapes(), 0, prints_at([0], chance=chance)
    tapes.add(last)
    for kind, count, then in steps:
        row = int(chance.integers(len(SYMBOLS)))
        if kind == "forward":
            last = prints_at(range(now_ms, now_ms + count), chance=chance, row=row)
            now_ms += count
        elif kind == "late":
            last = prints_at(chance.integers(0, now_ms + 1, size=min(count, 40)), chance=chance, row=row)
        elif kind == "burst":
            last = prints_at([now_ms] * (2 * count), chance=chance, row=row)
        tapes.add([last[index] for index in chance.permutation(len(last))] if kind == "again" else last)
        if then == "check":
            tapes.check()
        elif then == "store":
            tapes.store()
        elif then == "succeed":
            tapes.store()
            tapes.succeed()
    tapes.check()
    tapes.store()
    for row, slow in enumerate(tapes.slow):
        if slow.prints:
            assert stored_prints(tapes.stored[SYMBOLS[row]]) == slow.newest


def stored_prints(data: bytearray) -> Sequence[Print]:
    tape = decode_tape(bytes(data))
    trades, identities = newest_first(tape), in_order(tape.ring)["identity"][::-1]
    columns = (trades.timestamps, trades.sequence_numbers, trades.prices, trades.sizes, identities)
    return [Print(*row) for row in zip(*columns, strict=True)][::-1]


def test_more_than_a_thousand_in_one_group_leave_the_newest_thousand() -> None:
    tapes = ComparedTapes()
    chance = np.random.default_rng(1)
    tapes.add(prints_at(range(700), chance=chance))
    tapes.add(prints_at(range(700, 3_300), chance=chance))
    tapes.check()
    tapes.store()
    assert stored_prints(tapes.stored["A"]) == tapes.slow[0].newest


def test_only_what_changed_is_written() -> None:
    tapes = ComparedTapes()
    chance = np.random.default_rng(1)
    tapes.add(prints_at(range(1_500), chance=chance))
    tapes.store()
    tapes.add(prints_at(range(1_500, 1_503), chance=chance))
    writes = tapes.tape.writes(SYMBOLS)
    assert [len(part) for part in writes.parts] == [3 * RECORD_BYTES]
    assert writes.symbols == ["A"]

    tapes.store()
    tapes.add(prints_at([1_500] * 20, chance=chance))  # some late ones: they and the newer are written
    tapes.store()
    assert stored_prints(tapes.stored["A"]) == tapes.slow[0].newest
    assert len(tapes.tape.writes(SYMBOLS)) == 0


def test_another_day_forgets_the_one_before() -> None:
    tapes = ComparedTapes()
    tapes.add(prints_at(range(1_200), chance=np.random.default_rng(1)))
    tapes.store()
    tapes.tape.begin(DAY_START_MS + 86_400_000)
    assert len(tapes.tape.take_summary(np.arange(3))[0]) == 0
    assert len(tapes.tape.writes(SYMBOLS)) == 0

    tapes.tape.restore(0, decode_tape(bytes(tapes.stored["A"])))
    assert len(tapes.tape.take_summary(np.arange(3))[0]) == 0, "yesterday's trades"


def test_too_much_for_one_transaction_is_cut_in_portions() -> None:
    symbols = [f"S{row}" for row in range(600)]
    tape = Tapes(len(symbols))
    tape.begin(DAY_START_MS)
    times = DAY_START_MS + np.tile(np.arange(TAPE_TRADES), len(symbols))
    ones = np.ones(len(times))
    tape.add(
        np.repeat(np.arange(len(symbols)), TAPE_TRADES),
        records_of(times, ones.astype(np.int64), ones, ones, ones, day_start_ms=DAY_START_MS),
    )
    stored: dict[str, bytearray] = {}
    count = 0
    for portion in tape.portions(symbols):
        apply_writes(stored, portion)
        assert sum(map(len, portion.parts)) < 1.1 * PORTION_BYTES
        count += 1
    apply_writes(stored, tape.writes(symbols))
    assert count == 2
    assert set(stored) == set(symbols)
    assert {len(data) for data in stored.values()} == {HEADER_BYTES + TAPE_TRADES * RECORD_BYTES}


def test_what_is_lost_is_written_whole() -> None:
    tapes = ComparedTapes()
    tapes.add(prints_at(range(1_200), chance=np.random.default_rng(1)))
    tapes.store()
    tapes.stored.clear()
    tapes.tape.store_anew()
    tapes.store()
    assert stored_prints(tapes.stored["A"]) == tapes.slow[0].newest


def test_a_torn_ring_is_put_in_order_and_written_again() -> None:
    tapes = ComparedTapes()
    tapes.add(prints_at(range(1_100), chance=np.random.default_rng(1)))
    tapes.store()
    ring = tapes.stored["A"]
    first, second = HEADER_BYTES + 300 * RECORD_BYTES, HEADER_BYTES + 700 * RECORD_BYTES
    ring[first : first + RECORD_BYTES], ring[second : second + RECORD_BYTES] = (
        ring[second : second + RECORD_BYTES],
        ring[first : first + RECORD_BYTES],
    )
    tapes.succeed()
    tapes.check()
    assert list(tapes.tape.writes(SYMBOLS).offsets) == [0]


@pytest.mark.parametrize("row_count", [5_000, 9_000])
def test_rows_appear_while_the_day_goes_on(row_count: int) -> None:
    tape = Tapes()
    tape.begin(DAY_START_MS)
    chance = np.random.default_rng(1)
    for count in (3, row_count):
        tape.resize(count)
        add(tape, prints_at(range(10), chance=chance) + prints_at(range(20), chance=chance, row=count - 1))
    rows, columns = tape.take_summary(np.arange(row_count))
    assert rows.tolist() == [0, 2, row_count - 1]
    assert columns[0].tolist()[1:] == [20, 20]


@pytest.mark.parametrize("data", [b"", b"tape", bytes(HEADER_BYTES), b"x" * (HEADER_BYTES + RECORD_BYTES)])
def test_foreign_bytes_are_no_tape(data: bytes) -> None:
    with pytest.raises(ContentError, match="tape"):
        decode_tape(data)


@given(seed=st.integers(0, 2**32), kept=st.sets(st.sampled_from(range(len(SYMBOLS)))))
def test_some_of_the_tapes_are_kept_with_what_is_stored_of_them(seed: int, kept: set[int]) -> None:
    chance = np.random.default_rng(seed)
    tapes = ComparedTapes()
    for row in range(len(SYMBOLS)):
        tapes.add(prints_at(range(int(chance.integers(1, 2_500))), chance=chance, row=row))
        if chance.random() < 0.5:
            tapes.store()
    rows = sorted(kept)
    tapes.tape.keep(np.array(rows, dtype=np.intp))
    symbols = [SYMBOLS[row] for row in rows]
    for place, row in enumerate(rows):
        more = [each for _, each in prints_at(range(2_000, 2_600), chance=chance)]
        add(tapes.tape, [(place, each) for each in more])
        tapes.slow[row].prints.update(more)

    apply_writes(tapes.stored, tapes.tape.writes(symbols))

    for row in rows:
        assert stored_prints(tapes.stored[SYMBOLS[row]]) == tapes.slow[row].newest
    summed, columns = tapes.tape.take_summary(np.arange(len(rows)))
    assert summed.tolist() == list(range(len(rows)))
    assert columns[1].tolist() == [tapes.slow[row].summary()["trade_volume"] for row in rows]
