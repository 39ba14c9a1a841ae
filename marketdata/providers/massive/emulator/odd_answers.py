"""Odd REST answers, as public reports describe them. The seed decides which kinds an answer has at a time.

A kind that spoils the answer holds for one address over some minutes of market time, as real failures do.
Every third window is free of these kinds, so repeated requests get everything in the end. A kind that costs
a careful reader nothing, such as a row that is listed twice, may come at any time.
"""

import enum
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from marketdata.providers.massive.emulator import odd_rows

WINDOW_MS: Final = 7 * 60_000
FAIR_WINDOW_EVERY: Final = 3
"""Of so many windows in a row the last one has no answer that is lost to its reader."""

_ODD_SHARE: Final = 0.5


class Oddity(enum.StrEnum):
    """What is odd about an answer."""

    EMPTY_SESSION = "rest_empty_session"
    """The bars of a session, without a bar: as on a day without trading."""
    HTML = "rest_html"
    """A page of HTML with status 200."""
    CUT_JSON = "rest_cut_json"
    """The first two thirds of the body, announced as the whole."""
    CUT_GZIP = "rest_cut_gzip"
    """The first two thirds of the compressed body, announced as the whole."""
    ERROR_STATUS = "rest_error_status"
    """`{"status":"ERROR"}` with status 200."""
    BAD_REQUEST = "rest_bad_request"
    """Status 400, with the documented body."""
    NOT_FOUND = "rest_not_found"
    """Status 404, with the documented body."""
    ECHOED_KEY = "rest_echoed_key"
    """Status 400, and the key that was sent stands in the text of the error."""
    ENDLESS = "rest_endless"
    """A body that goes on for as long as anybody reads it, up to a gibibyte."""
    ODD_TIME = "rest_odd_time"
    """A market status whose time is absent, a number, without an offset, in 1970 or in the year 2100."""
    PAGE_REPEATS = "rest_page_repeats"
    """A page of a listing that names itself as the next one."""
    PAGES_ALTERNATE = "rest_pages_alternate"
    """Two pages of a listing, each of which names the other one as the next."""
    PAGE_WITHOUT_QUERY = "rest_page_without_query"
    """A page whose next one is the listing's bare address."""

    NULL_PAGE = "rest_null_page"
    """A last page that names `null` as the next one."""
    BARS_TWICE = "rest_bars_twice"
    """Bars of a session twice: once more without volume, at another price, before or after the good one."""
    TICKERS_TWICE = "rest_tickers_twice"
    """Tickers twice: once more as they were updated a year ago, before the good one or after it."""
    FLOATS_TWICE = "rest_floats_twice"
    """Floats twice: once more as they were a year ago, before the good one or after it."""
    SPLITS_TWICE = "rest_splits_twice"
    """Every split twice, under another id."""
    SNAPSHOT_OF_1970 = "rest_snapshot_of_1970"
    """A ticker of the snapshot once more, stamped 1970, with a high of $1,000,000."""
    SNAPSHOT_AHEAD = "rest_snapshot_ahead"
    """A ticker of the snapshot once more, stamped three days ahead, with a high of $1,000,000."""
    UNUSUAL_ROWS = "rest_unusual_rows"
    """A test issue, a share of $0.00005, and one whose close and float are 0. They are always listed."""


_GROUPED: Final = "/v2/aggs/grouped/locale/us/market/stocks/{date}"
_SNAPSHOT: Final = "/v2/snapshot/locale/us/markets/stocks/tickers"
_STATUS: Final = "/v1/marketstatus/now"
_TICKERS: Final = "/v3/reference/tickers"
_FLOATS: Final = "/stocks/vX/float"
_SPLITS: Final = "/v3/reference/splits"
_RANGE: Final = "/v2/aggs/ticker/{ticker}/range/{multiplier}/{timespan}/{from}/{to}"
_UNREADABLE: Final = (
    Oddity.HTML,
    Oddity.CUT_JSON,
    Oddity.CUT_GZIP,
    Oddity.ERROR_STATUS,
)
_REFUSED: Final = (Oddity.BAD_REQUEST, Oddity.NOT_FOUND, Oddity.ECHOED_KEY)
_LOST: Final = (*_UNREADABLE, *_REFUSED, Oddity.ENDLESS)
_PAGES: Final = (Oddity.PAGE_REPEATS, Oddity.PAGES_ALTERNATE, Oddity.PAGE_WITHOUT_QUERY)
COSTLY: Final[Mapping[str, Sequence[Oddity]]] = {
    _STATUS: (*_UNREADABLE, Oddity.ODD_TIME),
    _GROUPED: (*_LOST, Oddity.EMPTY_SESSION),
    _SNAPSHOT: _LOST,
    _RANGE: _LOST,
    _TICKERS: (*_LOST, *_PAGES),
    _FLOATS: (*_LOST, *_PAGES),
    _SPLITS: (*_LOST, *_PAGES),
}
"""By path: the kinds of which an answer has one, or none. Other paths are always answered well."""

Rows = list[dict[str, Any]]
_ROWS: Final[Mapping[str, Mapping[Oddity, Callable[[Rows], Rows]]]] = {
    _GROUPED: {Oddity.BARS_TWICE: odd_rows.bars_twice},
    _TICKERS: {Oddity.TICKERS_TWICE: odd_rows.tickers_twice},
    _FLOATS: {Oddity.FLOATS_TWICE: odd_rows.floats_twice},
    _SPLITS: {Oddity.SPLITS_TWICE: odd_rows.splits_twice},
    _SNAPSHOT: {
        Oddity.SNAPSHOT_OF_1970: odd_rows.with_row_of_1970,
        Oddity.SNAPSHOT_AHEAD: odd_rows.with_row_ahead,
    },
}
_UNUSUAL: Final[Mapping[str, Rows]] = {
    _GROUPED: odd_rows.UNUSUAL_BARS,
    _TICKERS: odd_rows.UNUSUAL_TICKERS,
    _FLOATS: odd_rows.UNUSUAL_FLOATS,
}


class Plan(msgspec.Struct, frozen=True):
    """What is odd about one answer: at most one kind that costs it, and any others."""

    costly: Oddity | None = None
    others: tuple[Oddity, ...] = ()


class OddSchedule:
    """Chooses the kinds of an answer, from seed, address and market time alone."""

    def __init__(self, *, seed: int, start_ms: int) -> None:
        self._seed: Final = seed
        self._start_ms: Final = start_ms

    def plan(self, path: str, address: str, now_ms: int) -> Plan:
        """For an answer of a route (`path`, as a pattern) to one address, without its page."""
        window = (now_ms - self._start_ms) // WINDOW_MS
        chance = random.Random(f"{self._seed} {window} {address}")  # noqa: S311 - a draw, not a secret
        kinds = COSTLY.get(path, ())
        is_fair = window % FAIR_WINDOW_EVERY == FAIR_WINDOW_EVERY - 1
        costly = chance.choice(kinds) if kinds and chance.random() < _ODD_SHARE else None
        others = [
            oddity for oddity in (*_ROWS.get(path, ()), Oddity.NULL_PAGE) if chance.random() < _ODD_SHARE
        ]
        return Plan(None if is_fair else costly, (*others, Oddity.UNUSUAL_ROWS))


def with_odd_rows(path: str, body: dict[str, Any], oddities: Sequence[Oddity]) -> Sequence[Oddity]:
    """Put odd rows into an answer; those of the kinds that it has now."""
    name = "tickers" if path == _SNAPSHOT else "results"
    rows = body.get(name)
    if not isinstance(rows, list):
        return ()
    done = [oddity for oddity in oddities if oddity in _ROWS.get(path, {}) and rows]
    for oddity in done:
        rows = _ROWS[path][oddity](rows)
    is_last = "next_url" not in body
    if Oddity.NULL_PAGE in oddities and is_last and path in {_TICKERS, _FLOATS, _SPLITS}:
        body["next_url"] = None
        done.append(Oddity.NULL_PAGE)
    if Oddity.UNUSUAL_ROWS in oddities and is_last and rows and path in _UNUSUAL:
        rows = [*rows, *_UNUSUAL[path]]
        done.append(Oddity.UNUSUAL_ROWS)
    body[name] = rows
    return done
