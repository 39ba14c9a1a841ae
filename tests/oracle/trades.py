"""Section "Trades" of docs/metrics.md: the columns of a symbol, from its trades in order of arrival."""

from collections.abc import Sequence
from typing import Final

from marketdata.simulator.condition_codes import CONDITIONS
from tests.oracle.terms import MINUTE_MS, REGULAR, Day, Event, Row

TAPE_LENGTH: Final = 1_000
FORM_T: Final = 12


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
        row["last_sequence_number"] = last.get("q", 0)
    return row | _tape_columns(trades)


def size(trade: Event) -> float:
    """Shares of a trade, with their fraction where it is told."""
    return float(trade["ds"] if trade.get("ds") else trade["s"])


def _tape_columns(trades: Sequence[Event]) -> Row:
    counted = {_position(trade): trade for trade in trades if _NO_VOLUME.isdisjoint(trade.get("c", ()))}
    tape = [counted[position] for position in sorted(counted)[-TAPE_LENGTH:]]
    if not tape:
        return {}
    sizes = [size(trade) for trade in tape]
    newest_ms = tape[-1]["t"]
    span_ms = newest_ms - tape[0]["t"]
    recent = sum(trade["t"] > newest_ms - MINUTE_MS for trade in tape)
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
    return trade["t"], trade.get("q", 0)


def _sets_last_price(trade: Event, day: Day) -> bool:
    """Every condition allows it; Form T does outside the regular session."""
    conditions = set(trade.get("c", ()))
    if day.session_at(trade["t"]) != REGULAR:
        conditions.discard(FORM_T)
    return _NO_LAST_PRICE.isdisjoint(conditions)
