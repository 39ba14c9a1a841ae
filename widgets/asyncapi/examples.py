"""An example of each message. Those of the server are what the encoder of `mdp.v2` makes of them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np

from marketdata.control.document import InstallationDocument
from marketdata.control.verdict import Health, InstallationVerdict
from marketdata.control.views import Overview
from marketdata.units import NS_PER_MS
from widgets.data_state import DataState
from widgets.protocol import (
    SUBPROTOCOL_V2,
    VERSION_2,
    Answer,
    ColumnMarks,
    EmittedCells,
    EmittedRows,
    Error,
    ErrorCode,
    FeedAlert,
    FeedAppend,
    FeedDelta,
    FeedEmission,
    FeedPosition,
    FeedSnapshot,
    Limits,
    Ping,
    Pong,
    Reconnect,
    Resumed,
    Resync,
    Status,
    Subscribe,
    Unsubscribe,
    Unsubscribed,
    Welcome,
    Wish,
)
from widgets.settings import WidgetLimits

TIME_MS: Final = 1_795_000_000_000
EPOCH: Final = "1795000000000000000.5f3a01c2"
BOARD: Final = "scanners:top_gainers"
COLUMNS: Final = ("close", "volume")
DECIMALS: Final = (4, 0)
AGE_MS: Final = 95


def _at(feed: str, seq: int, prev: int | None = None) -> FeedPosition:
    return FeedPosition(feed, EPOCH, seq, received_ns=TIME_MS * NS_PER_MS, market_time_ms=TIME_MS, prev=prev)


def _rows(*rows: tuple[str, float, float]) -> EmittedRows:
    values = np.array([row[1:] for row in rows], dtype=np.float64).reshape(len(rows), len(COLUMNS))
    return EmittedRows([row[0] for row in rows], COLUMNS, DECIMALS, values)


_CELLS: Final = EmittedCells(
    np.array([2]), np.array([[False, True]]), np.array([[410.0, 12.0]]), decimals=DECIMALS
)
_SENT: Final[Sequence[Answer | FeedEmission]] = (
    Welcome(
        protocol=SUBPROTOCOL_V2,
        server="0.1.0",
        server_time_ms=TIME_MS,
        user="demo",
        feeds=(BOARD, "quote:{symbol}", "status"),
        limits=Limits.of(WidgetLimits()),
        reconnect=Reconnect.of(WidgetLimits()),
    ),
    FeedSnapshot(_at(BOARD, 41), _rows(("AAPL", 190.2, 5), ("XYZ", 3.5, 7), ("MSFT", 410.0, 9)), hz=4),
    FeedSnapshot(_at("trades:AAPL", 7), _rows(("AAPL", 190.2, 100)), hz=4, limit=200),
    FeedSnapshot(
        _at("quote:AAPL", 3),
        _rows(("AAPL", 190.2, np.nan)),
        hz=10,
        marks=ColumnMarks(off=("volume",), partial={"close": TIME_MS}),
    ),
    FeedDelta(_at(BOARD, 43, 41), _rows(("IBM", 250.1, np.nan)), _CELLS, order=("IBM", (2, 1), (0, 1))),
    FeedAlert(_at("daily_range_hod_alert", 42, 41), _rows(("MSFT", 410.0, 9))),
    FeedAppend(_at("trades:AAPL", 8, 7), _rows(("AAPL", 190.3, 50))),
    FeedSnapshot(
        FeedPosition("operations", EPOCH, 12, received_ns=0, market_time_ms=0),
        _rows(),
        hz=1,
        document=InstallationDocument(
            InstallationVerdict(state=Health.HEALTHY, sentence="Healthy: 5 processes run."),
            Overview(read_at_ms=TIME_MS),
        ),
    ),
    Resumed(BOARD, EPOCH, 43, age_ms=AGE_MS, hz=4),
    Unsubscribed("quote:AAPL"),
    Status(state=DataState.LIVE, age_ms=120, detail="The data is fresh."),
    Error(code=ErrorCode.UNKNOWN_FEED, feed="scanners:nope", message="there is no such feed"),
    Pong(7),
)
_RECEIVED: Final = (
    Subscribe(
        [
            BOARD,
            Wish(feed="quote:AAPL", columns=["close", "volume"], hz=1),
            Wish(feed="quote:MSFT", epoch=EPOCH, seq=41),
        ]
    ),
    Unsubscribe(["quote:AAPL"]),
    Resync([BOARD]),
    Ping(7),
)


def examples() -> Mapping[str, Sequence[Any]]:
    """The examples of each message, by its type."""
    now_ns = (TIME_MS + AGE_MS) * NS_PER_MS
    found: dict[str, list[Any]] = {}
    for message in _SENT:
        if isinstance(message, FeedEmission):
            payload = msgspec.json.decode(VERSION_2.encode_emission(message, now_ns))
        else:
            payload = msgspec.json.decode(VERSION_2.encode_answer(message))
        found.setdefault(payload["type"], []).append(payload)
    for received in _RECEIVED:
        payload = _without_null(msgspec.to_builtins(received))
        found.setdefault(payload["type"], []).append(payload)
    return found


def _without_null(payload: Any) -> Any:
    if isinstance(payload, list):
        return [_without_null(each) for each in payload]
    if isinstance(payload, dict):
        return {name: _without_null(each) for name, each in payload.items() if each is not None}
    return payload
