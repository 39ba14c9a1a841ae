"""The kinds of bad input of a scenario, and when each is due. The emulators make the bad events."""

import enum
from collections.abc import Mapping
from typing import Final

import numpy as np

from marketdata.units import MS_PER_HOUR

_MINUTES_PER_HOUR: Final = 60


class Defect(enum.StrEnum):
    """A defect of an event or a frame, or a valid form that a careless reader would refuse."""

    LATE = "late"
    """A second aggregate with a time 15 minutes back, and half of the day's volume."""
    DUPLICATE = "duplicate"
    """An exact copy of a trade in the same frame."""
    OUT_OF_ORDER = "out_of_order"
    """A trade with the time and number of five seconds before its neighbours."""
    RESENT_BAR = "resent_bar"
    """A second aggregate of the same frame with other volume and prices: same symbol, start and end."""
    NEGATIVE_SIZE = "negative_size"
    """A trade of -100 shares."""
    MISSING_SYMBOL = "missing_symbol"
    """A trade without its symbol."""
    UNKNOWN_EVENT = "unknown_event"
    """An event of an unknown type."""
    NOT_A_NUMBER = "not_a_number"
    """A frame with one trade at the price `NaN`, which is not JSON."""
    MALFORMED = "malformed"
    """A frame that ends within an event."""
    NOT_AN_ARRAY = "not_an_array"
    """A frame that is one bare event."""
    NOT_OBJECTS = "not_objects"
    """A frame that is an array of a number, a text, null and an array."""
    INVALID_UTF8 = "invalid_utf8"
    """A binary frame with one trade whose symbol is not UTF-8."""
    HUGE_FIELD = "huge_field"
    """A frame with one trade whose symbol has 256 KiB."""
    OVERSIZED_FRAME = "oversized_frame"
    """A valid frame of 16 MiB: 16,384 events of such a type."""

    AHEAD_TRADE = "ahead_trade"
    """A trade stamped two days ahead."""
    AHEAD_BAR = "ahead_bar"
    """A second aggregate stamped one day ahead."""
    AHEAD_QUOTE = "ahead_quote"
    """A quote stamped four hours ahead: sent before the open, its time is after the open."""
    AHEAD_BANDS = "ahead_bands"
    """A frame with nothing but price bands stamped ten days ahead."""
    YEAR_2100 = "year_2100"
    """A trade stamped in the year 2100."""
    YEAR_1970 = "year_1970"
    """A trade stamped within the first second of 1970."""
    START_AHEAD = "start_ahead"
    """A second aggregate with a correct end and a start that is four hours ahead."""
    YESTERDAY = "yesterday"
    """A second aggregate stamped one day back."""
    TIME_IN_SECONDS = "time_in_seconds"
    """A trade whose time counts seconds in place of milliseconds."""
    TIME_IN_NANOSECONDS = "time_in_nanoseconds"
    """A quote whose time counts nanoseconds in place of milliseconds."""
    BANDS_IN_MILLISECONDS = "bands_in_milliseconds"
    """Price bands whose time counts milliseconds in place of nanoseconds."""
    CROWD_TOMORROW = "crowd_tomorrow"
    """A frame of all events of the step, up to 100 of many symbols, once more and one day ahead."""
    CROWD_LATER = "crowd_later"
    """The same, four hours ahead."""

    NAN_BESIDE = "nan_beside"
    """A trade at the price `NaN` among good ones: the whole frame is no JSON."""
    INFINITY_BESIDE = "infinity_beside"
    """A quote with the bid `-Infinity` among good ones: the whole frame is no JSON."""
    HUGE_NUMBER = "huge_number"
    """A trade at the price `1e999`: valid JSON, but too large for a double."""
    TEXT_FOR_NUMBER = "text_for_number"
    """A trade whose price is a text."""
    NUMBER_FOR_SYMBOL = "number_for_symbol"
    """A trade whose symbol is a number."""
    NUMBER_FOR_TYPE = "number_for_type"
    """An event whose type is a number."""
    DEEP_NESTING = "deep_nesting"
    """A trade with a field of 5,000 nested arrays, among good ones."""
    STATUS_WITHOUT_NAME = "status_without_name"
    """A status event without its name."""
    STATUS_OF_NUMBERS = "status_of_numbers"
    """A status event whose texts are numbers."""
    UNHEARD_STATUS = "unheard_status"
    """An undocumented status event."""

    UNREAD_NULLS = "unread_nulls"
    """A trade with null for its id, exchange, tape, number and conditions. It is valid."""
    UNREAD_TYPES = "unread_types"
    """A trade whose id is a number and whose participant time is a text. It is valid."""
    BAR_WITHOUT_AVERAGE = "bar_without_average"
    """A copy of a second aggregate in the same frame, without its average size. It is valid."""
    HALT_WITH_NULL_BANDS = "halt_with_null_bands"
    """A halt whose bands are null. It is valid."""
    HALT_WITHOUT_BANDS = "halt_without_bands"
    """A halt without bands. It is valid."""
    OTHER_ID = "other_id"
    """A trade that differs from a good one only in its id. Both count."""
    OTHER_EXCHANGE = "other_exchange"
    """A trade that differs from a good one only in its exchange. Both count."""
    OTHER_TAPE = "other_tape"
    """A trade that differs from a good one only in its tape. Both count."""

    CONTROL_IN_SYMBOL = "control_in_symbol"
    """A trade whose symbol has a NUL or another control character in it."""
    BLANK_IN_SYMBOL = "blank_in_symbol"
    """A trade whose symbol is blank, or has a blank at its beginning, at its end or in it."""
    MARKUP_IN_SYMBOL = "markup_in_symbol"
    """A trade whose symbol is markup."""
    INVISIBLE_IN_SYMBOL = "invisible_in_symbol"
    """A trade whose symbol has zero-width or bidirectional characters in it."""
    INVENTED_SYMBOLS = "invented_symbols"
    """A frame of 25 trades of symbols that are not listed, each time different ones."""
    TEST_ISSUE_BAR = "test_issue_bar"
    """A second aggregate of ZWZZT, a test issue, at ten times its close and a thousand times the volume."""
    TEST_ISSUE_TRADE = "test_issue_trade"
    """A trade of ZWZZT at that price."""
    SUB_PENNY_BAR = "sub_penny_bar"
    """A second aggregate of PNNYQ at $0.00005."""
    SUB_PENNY_TRADE = "sub_penny_trade"
    """A trade of PNNYQ at that price."""


class DefectSchedule:
    """When each kind is due: evenly over the hour, with a phase that is drawn from the seed."""

    def __init__(self, per_hour: Mapping[Defect, int], *, seed: int, start_ms: int) -> None:
        self._per_hour: Final = per_hour
        self._start_ms: Final = start_ms
        phases = np.random.default_rng([seed, 8]).integers(0, MS_PER_HOUR, len(Defect)).tolist()
        self._phases: Final = dict(zip(Defect, phases, strict=True))
        self._taken: Final = dict.fromkeys(per_hour, 0)

    def most_waiting(self, defect: Defect) -> int:
        """How many of a kind may wait: those of one minute. The rest of a longer silence is dropped."""
        return max(1, self._per_hour[defect] // _MINUTES_PER_HOUR)

    def take_due(self, now_ms: int) -> dict[Defect, int]:
        """How many of each kind became due since the last call. Over any hour it is exactly their number."""
        due = {}
        for defect, number in self._per_hour.items():
            so_far = ((now_ms - self._start_ms) * number + self._phases[defect]) // MS_PER_HOUR
            if so_far > self._taken[defect]:
                due[defect] = so_far - self._taken[defect]
                self._taken[defect] = so_far
        return due
