"""Section "Halts and bands" of docs/metrics.md: columns and lines of a symbol."""

from collections.abc import Sequence
from typing import Final

import msgspec

from tests.oracle.terms import REGULAR, Day, Event, Row, Value, percentage

HALT, RESUMPTION = 17, 18
_TRADING: Final = frozenset({14, 15, 16})
_PAUSE_MS: Final = 300_000
_LIMIT_STATE_MS: Final = 15_000
_NS_PER_MS: Final = 1_000_000


class HaltLine(msgspec.Struct, frozen=True):
    """A halt (`kind` 1), a resumption (0), or an end that was only seen (2), as the stream has it."""

    kind: int
    timestamp: int
    halt_began_timestamp: Value
    halt_reason: Value
    event_band_high: Value
    event_band_low: Value


def band_columns(messages: Sequence[Event], *, day: Day) -> Row:
    """What the channel alone tells; see `reopening_columns` and `price_columns` for the rest."""
    in_order = sorted(messages, key=lambda message: (message["t"], _number(message)))
    newest = in_order[-1]
    halts = [message for message in in_order if _is_halt(message)]
    resumptions = [message for message in in_order if _is_resumption(message)]
    telling = [message for message in in_order if _is_halt(message) or _tells_trading(message)]
    halted_ms = _time_ms(halts[-1]) if halts else None
    return {
        "band_high": _band(newest, "h"),
        "band_low": _band(newest, "l"),
        "band_timestamp": _time_ms(newest),
        "band_sequence_number": _number(newest),
        "halt_timestamp": halted_ms,
        "resume_timestamp": _time_ms(resumptions[-1]) if resumptions else None,
        "is_halted": float(_is_halt(telling[-1])) if telling else None,
        "halt_may_be_limit_pause": (
            None if halted_ms is None else float(day.session_at(halted_ms) == REGULAR)
        ),
    }


def price_columns(row: Row, *, day: Day) -> Row:
    """The bands against trades, bars and quotes of the symbol, which `row` tells."""
    return {"band_distance_pct": _band_distance(row, day), "limit_state": _limit_state(row, day)}


def reopening(row: Row, market_time_ms: int) -> Value:
    """`earliest_reopening_timestamp` of a row at a market time."""
    halted_ms = row.get("halt_timestamp")
    if halted_ms is None or row["is_halted"] != 1 or row["halt_may_be_limit_pause"] != 1:
        return None
    reopening_ms = halted_ms + _PAUSE_MS
    while reopening_ms < market_time_ms:
        reopening_ms += _PAUSE_MS
    return reopening_ms


def limit_pause(since_ms: Value) -> Value:
    """`limit_pause_timestamp` of a limit state that has lasted since then."""
    return None if since_ms is None else since_ms + _LIMIT_STATE_MS


def halt_lines(messages: Sequence[Event], *, day: Day) -> Sequence[HaltLine]:
    """Every halt and resumption once, and every end that was only seen, in order of arrival."""
    lines: list[HaltLine] = []
    told: set[tuple[bool, int]] = set()
    newest: Event | None = None
    halt: Event | None = None
    trading: Event | None = None
    for message in messages:
        kind = None
        identity = (_is_halt(message), message["t"])
        if (_is_halt(message) or _is_resumption(message)) and identity not in told:
            told.add(identity)
            kind = int(_is_halt(message))
        if _tells_trading(message) and not _is_resumption(message) and _ends(message, halt, trading):
            kind = 2
        if kind is not None:
            began = message if kind == 1 else halt
            lines.append(_line(kind, message, began, newest, day))
        newest = _newer(message, newest)
        halt = _newer(message, halt) if _is_halt(message) else halt
        trading = _newer(message, trading) if _tells_trading(message) else trading
    return lines


def _line(kind: int, message: Event, began: Event | None, before: Event | None, day: Day) -> HaltLine:
    began_ms = None if began is None or _key(began) > _key(message) else _time_ms(began)
    high, low = _band(message, "h"), _band(message, "l")
    if high is None and low is None and before is not None and _key(before) < _key(message):
        high, low = _band(before, "h"), _band(before, "l")
    reason = None if began_ms is None else float(day.session_at(began_ms) == REGULAR)
    return HaltLine(kind, _time_ms(message), began_ms, reason, high, low)


def _ends(message: Event, halt: Event | None, trading: Event | None) -> bool:
    """Whether the symbol was halted until this message, which shows trading."""
    if halt is None or (trading is not None and _key(trading) >= _key(halt)):
        return False
    return _key(message) >= _key(halt)


def _newer(message: Event, known: Event | None) -> Event:
    return message if known is None or _key(message) >= _key(known) else known


def _key(message: Event) -> tuple[int, int]:
    return message["t"], _number(message)


def _is_halt(message: Event) -> bool:
    return HALT in _indicators(message)


def _is_resumption(message: Event) -> bool:
    return RESUMPTION in _indicators(message) and not _is_halt(message)


def _tells_trading(message: Event) -> bool:
    both = _band(message, "h") is not None and _band(message, "l") is not None
    tells = both and not _is_halt(message) and not _TRADING.isdisjoint(_indicators(message))
    return _is_resumption(message) or tells


def _indicators(message: Event) -> Sequence[int]:
    return message.get("i") or ()


def _number(message: Event) -> int:
    return message.get("q") or 0


def _band(message: Event, field: str) -> Value:
    price = message.get(field) or 0
    return price if price > 0 else None


def _time_ms(message: Event) -> int:
    return int(message["t"] // _NS_PER_MS)


def _band_distance(row: Row, day: Day) -> Value:
    """By the newest bar's time, its last millisecond, or the trade's: whichever is later tells the price."""
    high, low = row.get("band_high"), row.get("band_low")
    traded_ms, bar_end_ms = row.get("last_timestamp"), row.get("end_timestamp")
    if bar_end_ms is not None and (traded_ms is None or bar_end_ms - 1 > traded_ms):
        price, time_ms = row["close"], bar_end_ms - 1
    elif traded_ms is not None:
        price, time_ms = row["last_price"], traded_ms
    else:
        return None
    assert price is not None
    distances = [*([] if high is None else [high - price]), *([] if low is None else [price - low])]
    if not distances or day.session_at(int(time_ms)) != REGULAR:
        return None
    return percentage(min(distances), price)


def _limit_state(row: Row, day: Day) -> Value:
    high, low, quoted_ms = row.get("band_high"), row.get("band_low"), row.get("quote_timestamp")
    if high is None or low is None or quoted_ms is None or day.session_at(int(quoted_ms)) != REGULAR:
        return None
    bid, ask = row["bid_price"], row["ask_price"]
    crossed = bid is not None and ask is not None and bid > ask
    if bid == high and not crossed:
        return 1
    if ask == low and not crossed:
        return -1
    above = ask is not None and ask > high
    below = bid is not None and bid < low
    return {(True, True): 3, (True, False): 2, (False, True): -2, (False, False): 0}[above, below]
