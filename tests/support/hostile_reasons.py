"""The reasons for which the platform refuses the defects that the simulator's hostile provider sends."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from marketdata.synthetic_market.defects import Defect

REASONS: Final[Mapping[Defect, str]] = {
    Defect.NEGATIVE_SIZE: "invalid_field",
    Defect.MISSING_SYMBOL: "no_symbol",
    Defect.UNKNOWN_EVENT: "unknown_event_type",
    Defect.NOT_A_NUMBER: "not_json",
    Defect.MALFORMED: "not_json",
    Defect.NOT_AN_ARRAY: "not_an_array",
    Defect.INVALID_UTF8: "not_json",
    Defect.HUGE_FIELD: "invalid_symbol",
    Defect.OVERSIZED_FRAME: "oversized_frame",
    Defect.AHEAD_TRADE: "ahead",
    Defect.AHEAD_BAR: "ahead",
    Defect.AHEAD_QUOTE: "ahead",
    Defect.AHEAD_BANDS: "ahead",
    Defect.START_AHEAD: "invalid_field",
    Defect.YEAR_2100: "ahead",
    Defect.YEAR_1970: "other_day",
    Defect.YESTERDAY: "other_day",
    Defect.TIME_IN_SECONDS: "other_day",
    Defect.TIME_IN_NANOSECONDS: "invalid_field",
    Defect.BANDS_IN_MILLISECONDS: "other_day",
    Defect.CROWD_TOMORROW: "ahead",
    Defect.CROWD_LATER: "ahead",
    Defect.NAN_BESIDE: "not_json",
    Defect.INFINITY_BESIDE: "not_json",
    Defect.HUGE_NUMBER: "invalid_field",
    Defect.DEEP_NESTING: "not_json",
    Defect.TEXT_FOR_NUMBER: "invalid_field",
    Defect.NUMBER_FOR_SYMBOL: "no_symbol",
    Defect.NUMBER_FOR_TYPE: "no_event_type",
    Defect.STATUS_WITHOUT_NAME: "malformed_status",
    Defect.STATUS_OF_NUMBERS: "malformed_status",
    Defect.CONTROL_IN_SYMBOL: "invalid_symbol",
    Defect.BLANK_IN_SYMBOL: "invalid_symbol",
    Defect.MARKUP_IN_SYMBOL: "invalid_symbol",
    Defect.INVISIBLE_IN_SYMBOL: "invalid_symbol",
}
"""The reason by kind of defect. Kinds that are missing here are accepted, with two exceptions: an array of
four pieces that are not events (`by_reason` counts them), and unlisted symbols, of which some have rows."""

PIECES_OF_NO_OBJECTS: Final = 4


def by_reason(sent: Iterable[tuple[Defect, int]]) -> Counter[str]:
    """How many pieces must be refused for each reason, if these numbers of pieces were sent of each kind."""
    found: Counter[str] = Counter()
    for defect, pieces in sent:
        if defect is Defect.NOT_OBJECTS:
            found["no_event_type"] += PIECES_OF_NO_OBJECTS * pieces
        elif defect in REASONS:
            found[REASONS[defect]] += pieces
    return found
