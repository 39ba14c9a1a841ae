"""What `halts` declares: price bands, halts, limit states, and the stream of halts and resumptions."""

from typing import Final

from marketdata.schema import YES_OR_NO, ColumnInfo, RowView, Stream, Unit, names, shown_names
from marketdata.schema.boards import HALTS, PRICE_BOARDS, TOP_TRADES, at
from scanners.analysis.bars import PRICE

LIMIT_UP, LIMIT_DOWN, NO_LIMIT, OFFER_ABOVE, BID_BELOW, BOTH_OUTSIDE = 1, -1, 0, 2, -2, 3
LIMIT_STATES: Final = {
    BID_BELOW: "bid below the bands",
    LIMIT_DOWN: "limit down",
    NO_LIMIT: "none",
    LIMIT_UP: "limit up",
    OFFER_ABOVE: "offer above the bands",
    BOTH_OUTSIDE: "bid and offer outside the bands",
}
"""Codes of the column `limit_state`; 2, -2 and 3 are straddle states."""

_BAND_HIGH: Final = ColumnInfo(
    "band_high",
    "Upper band",
    Unit.DOLLARS,
    "Upper price band of the limit-up/limit-down plan",
    definition="upper band of the newest message; a band of 0, as in a halt, is absent",
    boards=at(43, HALTS),
)
_BAND_LOW: Final = ColumnInfo(
    "band_low",
    "Lower band",
    Unit.DOLLARS,
    "Lower price band of the limit-up/limit-down plan",
    definition="lower band of the newest message; a band of 0, as in a halt, is absent",
    boards=at(42, HALTS),
)
BANDS: Final = (
    _BAND_HIGH,
    _BAND_LOW,
    ColumnInfo(
        "band_timestamp",
        "Bands at",
        Unit.EPOCH_MS,
        "When the newest price bands were published",
        definition="time of the newest message, in whole milliseconds",
    ),
    ColumnInfo(
        "band_sequence_number",
        "Bands' number",
        Unit.COUNT,
        "Its number, which orders messages of one time",
        definition="sequence number of the newest message, 0 where there is none",
        shown=False,
    ),
)
"""Written together, in this order."""

BAND_COLUMNS: Final = names(BANDS)

COLUMNS: Final = (
    ColumnInfo(
        "is_halted",
        "Halted",
        Unit.CODE,
        "Whether it is halted now",
        definition="1 if the newest message that is a halt or shows trading is a halt, 0 if it shows "
        "trading; absent before the first",
        codes=YES_OR_NO,
        boards={**at(230, *PRICE_BOARDS, TOP_TRADES), **at(2, HALTS)},
    ),
    ColumnInfo(
        "halt_timestamp",
        "Halted at",
        Unit.EPOCH_MS,
        "When the newest halt of the day began",
        definition="time of the day's newest halt",
        boards=at(1, HALTS),
    ),
    ColumnInfo(
        "resume_timestamp",
        "Resumed at",
        Unit.EPOCH_MS,
        "When trading was last resumed today",
        short="Resumed",
        definition="time of the day's newest resumption",
        boards=at(4, HALTS),
    ),
    ColumnInfo(
        "halt_may_be_limit_pause",
        "Limit pause",
        Unit.CODE,
        "Whether the halt may be a five-minute limit-up/limit-down pause: the feed gives no reason",
        definition="1 if the newest halt came in the regular session, 0 if it did not and so is no pause "
        "of the plan; absent without a halt",
        codes={0: "no", 1: "possible"},
        boards=at(41, HALTS),
    ),
    ColumnInfo(
        "earliest_reopening_timestamp",
        "Reopens from",
        Unit.EPOCH_MS,
        "When it may reopen at the earliest, if the halt is a limit pause",
        short="Reopens",
        definition="while `is_halted` and `halt_may_be_limit_pause` are 1: the first `halt_timestamp + n "
        "x 300,000`, n = 1, 2, ..., that is not before the market time of the block; else "
        "absent",
        boards=at(6, HALTS),
    ),
    *BANDS,
    ColumnInfo(
        "band_distance_pct",
        "To band %",
        Unit.PERCENT,
        "Distance to the nearer price band, in percent",
        definition="`100 x min(band_high - price, price - band_low) / price`, where *price* is "
        "`last_price`, or `close` when the newest bar is later or there is no trade; below 0 "
        "outside the bands; one band alone counts alone. Absent without bands, or when the "
        "price is not of the regular session",
    ),
    ColumnInfo(
        "limit_state",
        "Limit state",
        Unit.CODE,
        "Whether bid or offer stand at or beyond a price band",
        definition="the newest quote against the newest bands, as of the tick: 1 *limit up*: `bid_price = "
        "band_high`, and -1 *limit down*: `ask_price = band_low`, both only if the bid is not "
        "above the offer; else 3 when both sides are outside the bands, 2 when the offer is "
        "above the upper one, -2 when the bid is below the lower one (*straddle states*); else "
        "0, also without bid or offer. Absent unless both bands are known and the newest "
        "quote is of the regular session",
        codes=LIMIT_STATES,
    ),
    ColumnInfo(
        "limit_state_timestamp",
        "Limit since",
        Unit.EPOCH_MS,
        "Since when it is in its limit state",
        definition="while `limit_state` is 1 or -1: since when. The later of `quote_timestamp` and "
        "`band_timestamp` at the first tick that saw this state, so late by less than a "
        "publication interval (50 to 250 ms); a limit state between two ticks is not seen, and one "
        "that was left and entered again between them counts as one",
    ),
    ColumnInfo(
        "limit_pause_timestamp",
        "Pause from",
        Unit.EPOCH_MS,
        "When the limit state becomes a trading pause",
        definition="`limit_state_timestamp + 15,000`: when a pause is due unless the limit state is left",
    ),
)

_BAND_AT_EVENT: Final = (
    "band of the message. If it has no bands, as in a halt: that of the newest message that arrived before "
    "it, absent if that message is not earlier. A band of 0 is absent"
)

RESUMPTION_ENTRY, HALT_ENTRY, HALT_ENDED_UNSEEN = range(3)

HALT_BEGAN: Final = ColumnInfo(
    "halt_began_timestamp",
    "Halt began",
    Unit.EPOCH_MS,
    "When the halt began that begins or ends here",
    short="Began",
    definition="of a halt its own time; of an end the time of the newest halt that arrived before it, absent "
    "if that halt is later or there is none",
)
HALT_REASON: Final = ColumnInfo(
    "halt_reason",
    "Reason",
    Unit.CODE,
    "What can be said of the reason of the halt: the feed does not give it",
    definition="1 if `halt_began_timestamp` is in the regular session, else 0, because limit pauses begin "
    "only there; absent with that time",
    codes={0: "unknown, but no limit pause", 1: "unknown, may be a limit pause"},
)
HALT_STREAM: Final = Stream(
    name="halts",
    label="Halts and resumptions",
    description="A symbol was halted, or trades again",
    columns=(
        ColumnInfo(
            "kind",
            "Kind",
            Unit.CODE,
            "Whether a halt begins or ends",
            definition="what the message says: 1 a halt, 0 a resumption. 2 if the symbol was halted, and the "
            "message is no resumption but shows trading: the resumption did not arrive before it",
            codes={
                RESUMPTION_ENTRY: "resumption",
                HALT_ENTRY: "halt",
                HALT_ENDED_UNSEEN: "trades again, no resumption received",
            },
        ),
        ColumnInfo(
            "timestamp",
            "Time",
            Unit.EPOCH_MS,
            "When it happened",
            definition="time of the message, in whole milliseconds",
        ),
        HALT_BEGAN,
        HALT_REASON,
        ColumnInfo(
            "event_band_high",
            "Upper band",
            Unit.DOLLARS,
            "Upper price band when it happened",
            definition=f"upper {_BAND_AT_EVENT}",
        ),
        ColumnInfo(
            "event_band_low",
            "Lower band",
            Unit.DOLLARS,
            "Lower price band when it happened",
            definition=f"lower {_BAND_AT_EVENT}",
        ),
    ),
    own_circumstances=("last_price", "last_timestamp", "end_timestamp"),
    feed="halts",
)

HALT_STATE: Final = RowView(
    feed="halts:{symbol}",
    label="Halts and bands",
    description="Halt, resumption, price bands and limit state",
    columns=(*shown_names(COLUMNS), PRICE.name, "nasdaq_listed"),
)
