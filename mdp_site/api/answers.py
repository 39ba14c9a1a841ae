"""The members of all answers: their types, meanings and units. The OpenAPI document is made from them.

Members that frames of the socket have too have the same name and meaning: see docs/protocol.md.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Meta

from marketdata.schema import Unit
from marketdata.schema.boards import Direction
from widgets.data_state import DataState

ROW_SCHEMA: Final = "Row"
"""The name of the schema of a row, which `mdp_site.api.document` makes from the columns."""

Feed: TypeAlias = Annotated[
    str,
    Meta(
        description="The name of the feed, as a client of the socket subscribes to it.",
        examples=["scanners:top_gainers"],
    ),
]
Epoch: TypeAlias = Annotated[
    str,
    Meta(
        description="The first part of the position: a start of the feed's producer. Compare it, without "
        "reading it.",
        examples=["1795000000000000000.5f3a01c2"],
    ),
]
Seq: TypeAlias = Annotated[
    int,
    Meta(
        description="The second part of the position. It grows within an epoch, also by more than one.",
        examples=[41],
    ),
]
AgeMs: TypeAlias = Annotated[
    int | None,
    Meta(
        description="Milliseconds from when the newest data of the feed was received from the provider until "
        "the answer was made. Null before there is any data.",
        examples=[180],
    ),
]
MarketTimeMs: TypeAlias = Annotated[
    int,
    Meta(
        description="How far the market has come, by its own events: epoch milliseconds.",
        examples=[1795000000000],
    ),
]
State: TypeAlias = Annotated[
    DataState,
    Meta(
        description="The state of the data. Only `live` means that it is fresh: treat all others as not live."
    ),
]
Columns: TypeAlias = Annotated[
    Sequence[str],
    Meta(
        description="The names of the values of a row, in the order of the feed.",
        examples=[["close", "volume"]],
    ),
]
Rows: TypeAlias = Annotated[
    msgspec.Raw,
    Meta(
        description="The rows. Null: the value is absent, which is not zero.",
        extra_json_schema={
            "type": "array",
            "items": {"$ref": f"#/components/schemas/{ROW_SCHEMA}"},
            "examples": [[{"symbol": "AAPL", "close": 190.2, "volume": 5}]],
        },
    ),
]


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """The position of the data in its feed, its age, and the state of all data."""

    feed: Feed
    epoch: Epoch
    seq: Seq
    market_time_ms: MarketTimeMs
    age_ms: AgeMs
    state: State


class TableAnswer(Position, frozen=True, kw_only=True):
    """The rows of a board in rank order: the first row has rank 1."""

    columns: Columns
    rows: Rows


class ListAnswer(TableAnswer, frozen=True, kw_only=True):
    """A page of a list, newest first."""

    next_cursor: Annotated[
        str | None,
        Meta(description="Send it as `cursor` for the page with older rows. Null: there are no older rows."),
    ]


class QuoteAnswer(Position, frozen=True, kw_only=True):
    """The row of a symbol."""

    row: Annotated[
        msgspec.Raw,
        Meta(
            description="The row. Null: the value is absent, which is not zero.",
            extra_json_schema={"$ref": f"#/components/schemas/{ROW_SCHEMA}"},
        ),
    ]


class QuotesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of some symbols. Each has its own position: shards of the market advance independently."""

    state: State
    quotes: Annotated[
        Sequence[QuoteAnswer], Meta(description="The symbols that have a row, in the order asked for.")
    ]
    missing: Annotated[
        Sequence[str],
        Meta(
            description="The symbols without a row: unknown, or not traded since the trading day began.",
            examples=[["ZZZZ"]],
        ),
    ]


class DataStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the data and its reason, as `status` of the socket tells it."""

    state: State
    age_ms: Annotated[
        int | None,
        Meta(
            description="Age of the newest shown data since it was received from the provider, milliseconds. "
            "Null before there is any.",
            examples=[120],
        ),
    ]
    detail: Annotated[str, Meta(description="The reason in words.", examples=["The data is fresh."])]
    opens_ms: Annotated[
        int | None,
        Meta(description="When a closed market opens: epoch milliseconds. Null: unknown, or not closed."),
    ]
    feed_delay_ms: Annotated[
        int,
        Meta(
            description="How late the provider's feed is under the subscribed plan, milliseconds. Ages do "
            "not include it.",
            examples=[0],
        ),
    ]
    lost_events: Annotated[
        int,
        Meta(
            description="The events that the listener received and could not pass on, since it started.",
            examples=[0],
        ),
    ]


class ColumnDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """A column: what its numbers mean."""

    name: Annotated[str, Meta(description="The name in rows and parameters.", examples=["close"])]
    label: Annotated[str, Meta(description="The name that users see.", examples=["Price"])]
    unit: Annotated[Unit, Meta(description="The unit of the numbers.")]
    decimals: Annotated[
        int,
        Meta(
            description="To how many decimals the numbers are rounded. With 0 they are integers. Small "
            "dollar amounts have more."
        ),
    ]
    description: Annotated[str, Meta(description="The meaning in a few words.")]
    definition: Annotated[str, Meta(description="The exact definition, in Markdown.")]
    codes: Annotated[
        Mapping[str, str], Meta(description="The meaning of each number of a code. Empty for other units.")
    ]


class ColumnList(msgspec.Struct, frozen=True, kw_only=True):
    """All columns that are shown to clients."""

    columns: Annotated[Sequence[ColumnDefinition], Meta(description="Each column once.")]


class BoardDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """A board: how it ranks symbols."""

    name: Annotated[str, Meta(description="The name in paths of this API.", examples=["top_gainers"])]
    feed: Feed
    label: Annotated[str, Meta(description="The name that users see.", examples=["Top gainers"])]
    description: Annotated[str, Meta(description="What it ranks, in a few words.")]
    ranked_by: Annotated[str, Meta(description="The column by which it ranks.")]
    direction: Annotated[Direction, Meta(description="Which values of this column come first.")]
    columns: Columns


class BoardList(msgspec.Struct, frozen=True, kw_only=True):
    """All boards."""

    boards: Annotated[Sequence[BoardDefinition], Meta(description="In the order of the dashboard.")]


class AlertDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """A list of alerts."""

    name: Annotated[
        str, Meta(description="The name in paths of this API, and of the feed.", examples=["halts"])
    ]
    label: Annotated[str, Meta(description="The name that users see.")]
    description: Annotated[str, Meta(description="What raises an alert.")]
    columns: Columns


class AlertLists(msgspec.Struct, frozen=True, kw_only=True):
    """All lists of alerts."""

    alerts: Annotated[Sequence[AlertDefinition], Meta(description="Each list of alerts once.")]


class FeedDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """A feed of the socket."""

    name: Annotated[
        str,
        Meta(description="The name, or the pattern with `{symbol}`.", examples=["quote:{symbol}"]),
    ]
    permission: Annotated[
        str,
        Meta(
            description="What a role of the user and a scope of the token must permit. Every token may read "
            "`status`.",
            examples=["quotes"],
        ),
    ]
    permitted: Annotated[bool, Meta(description="Whether this user and token may read it.")]
    columns: Columns
    most_columns: Annotated[
        int | None,
        Meta(description="A client must choose columns, at most so many. Null: it may have all."),
    ]
    fastest_hz: Annotated[float, Meta(description="At most so many frames a second, in hertz.")]


class FeedList(msgspec.Struct, frozen=True, kw_only=True):
    """All feeds."""

    feeds: Annotated[Sequence[FeedDefinition], Meta(description="Each feed or pattern once.")]


class OpenApiDocument(msgspec.Struct, frozen=True, kw_only=True):
    """An OpenAPI 3.1 document."""

    openapi: Annotated[str, Meta(description="The version of OpenAPI.", examples=["3.1.0"])]
    info: Annotated[Mapping[str, Any], Meta(description="Title, version and description.")]
    paths: Annotated[Mapping[str, Any], Meta(description="The operations of each path.")]


ANSWERS: Final = (
    TableAnswer,
    ListAnswer,
    QuoteAnswer,
    QuotesAnswer,
    DataStatus,
    ColumnDefinition,
    ColumnList,
    BoardList,
    AlertLists,
    FeedList,
    OpenApiDocument,
)
"""Every answer of an operation."""
