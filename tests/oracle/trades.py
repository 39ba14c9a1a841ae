"""Section "Trades" of docs/metrics.md: the columns of a symbol, from its trades in order of arrival."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from marketdata.providers.massive.emulator.codes import CONDITIONS
from tests.oracle.terms import MINUTE_MS, REGULAR, Day, Event, Row

TAPE_LENGTH: Final = 1_000
FORM_T: Final = 12
MILLIONTHS: Final = 1_000_000


class Print(NamedTuple):
    """A trade on the tape; which of two is newer follows from all of it, in this order.

    Two prints may be equal here: what else tells trades apart is not told of them.
    """

    time_ms: int
    sequence_number: int
    price: float
    size_millionths: int


def _rule(name: str) -> frozenset[int]:
    """The trade conditions that forbid something, as the provider's list of conditions tells."""
    return frozenset(
        condition["id"]
        for condition in CONDITIONS
        if "trade" in condition["data_types"] and not condition["update_rules"]["consolidated"][name]
    )


_NO_LAST_PRICE: Final = _rule("updates_open_close")
_NO_VOLUME: Final = _rule("updates_volume")


def trade_columns(trades: Sequence[Event], *, day: Day) -> Row:
    """Every column of the section."""
    row: Row = {}
    eligible = [trade for trade in trades if _sets_last_price(trade, day)]
    if eligible:
        last = max(enumerate(eligible), key=lambda numbered: (*_position(numbered[1]), numbered[0]))[1]
        row["last_price"] = last["p"]
        row["last_size"] = size(last)
        row["last_timestamp"] = last["t"]
        row["last_sequence_number"] = last.get("q") or 0
    return row | _tape_columns(tape_of(trades))


def size(trade: Event) -> float:
    """Shares of a trade, with their fraction where `ds` tells one of these shares."""
    exact = float(trade.get("ds") or trade["s"])
    return exact if trade["s"] <= exact < trade["s"] + 1 else float(trade["s"])


def tape_of(trades: Sequence[Event]) -> Sequence[Print]:
    """The newest trades of the day, oldest first; those that agree in everything are one."""
    counted = {
        (
            Print(*_position(trade), trade["p"], round(size(trade) * MILLIONTHS)),
            repr((trade.get("i"), trade.get("x"), trade.get("z"))),
        )
        for trade in trades
        if _NO_VOLUME.isdisjoint(trade.get("c") or ())
    }
    return sorted(told for told, _ in counted)[-TAPE_LENGTH:]


def _tape_columns(tape: Sequence[Print]) -> Row:
    if not tape:
        return {}
    sizes = [trade.size_millionths / MILLIONTHS for trade in tape]
    newest_ms = tape[-1].time_ms
    span_ms = newest_ms - tape[0].time_ms
    recent = sum(trade.time_ms > newest_ms - MINUTE_MS for trade in tape)
    all_recent = recent == TAPE_LENGTH
    return {
        "trade_count": len(tape),
        "trade_volume": sum(sizes),
        "trade_average_size": sum(sizes) / len(tape),
        "trade_largest_size": max(sizes),
        "trade_span_ms": span_ms,
        "trades_per_minute": TAPE_LENGTH * MINUTE_MS / max(span_ms, 1) if all_recent else recent,
    }


def _position(trade: Event) -> tuple[int, int]:
    return trade["t"], trade.get("q") or 0


def _sets_last_price(trade: Event, day: Day) -> bool:
    """Every condition allows it; Form T does outside the regular session."""
    conditions = set(trade.get("c") or ())
    if day.session_at(trade["t"]) != REGULAR:
        conditions.discard(FORM_T)
    return _NO_LAST_PRICE.isdisjoint(conditions)
