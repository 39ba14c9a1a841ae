"""Kinds of odd input that a scenario asks for, and when each is due. An emulator has the recipes."""

import enum
from collections.abc import Mapping
from typing import Final

import numpy as np

from marketdata.units import MS_PER_HOUR

_MINUTES_PER_HOUR: Final = 60


class Defect(enum.StrEnum):
    """What is wrong with an event or a frame, or what a careless reader would take for wrong."""

    LATE = "late"
    """A second aggregate of a quarter of an hour ago, with half of the day's volume."""
    DUPLICATE = "duplicate"
    """A trade of the same frame once more, byte for byte."""
    OUT_OF_ORDER = "out_of_order"
    """A trade with the time and number of five seconds before its neighbours."""
    RESENT_BAR = "resent_bar"
    """A second aggregate of the same frame with other volume and prices: same symbol, start and end."""
    NEGATIVE_SIZE = "negative_size"
    """A trade of -100 shares."""
    MISSING_SYMBOL = "missing_symbol"
    """A trade without its symbol."""
    UNKNOWN_EVENT = "unknown_event"
    """An event of a type that there is not."""
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
    """A quote stamped four hours ahead: before the open it lies behind it."""
    AHEAD_BANDS = "ahead_bands"
    """A frame with nothing but price bands stamped ten days ahead."""
    YEAR_2100 = "year_2100"
    """A trade stamped in the year 2100."""
    YEAR_1970 = "year_1970"
    """A trade stamped within the first second of 1970."""
    START_AHEAD = "start_ahead"
    """A second aggregate with a right end, whose start is stamped four hours ahead."""
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
    """A trade at the price `1e999`: JSON, but no number that a computer has."""
    TEXT_FOR_NUMBER = "text_for_number"
    """A trade whose price is a text."""
    NUMBER_FOR_SYMBOL = "number_for_symbol"
    """A trade whose symbol is a number."""
    NUMBER_FOR_TYPE = "number_for_type"
    """An event whose type is a number."""
    DEEP_NESTING = "deep_nesting"
    """A trade with a field of 5,000 arrays in each other, among good ones."""
    STATUS_WITHOUT_NAME = "status_without_name"
    """A status event without its name."""
    STATUS_OF_NUMBERS = "status_of_numbers"
    """A status event whose texts are numbers."""
    UNHEARD_STATUS = "unheard_status"
    """A status event that no documentation has."""

    UNREAD_NULLS = "unread_nulls"
    """A trade with null for its id, exchange, tape, number and conditions. It is a trade."""
    UNREAD_TYPES = "unread_types"
    """A trade whose id is a number and whose participant time is a text. It is a trade."""
    BAR_WITHOUT_AVERAGE = "bar_without_average"
    """A second aggregate of the same frame once more, without its average size. It is a bar."""
    HALT_WITH_NULL_BANDS = "halt_with_null_bands"
    """A halt whose bands are null. It is a halt."""
    HALT_WITHOUT_BANDS = "halt_without_bands"
    """A halt that has no bands. It is a halt."""
    OTHER_ID = "other_id"
    """A trade that differs from a good one by its id alone. There are two trades."""
    OTHER_EXCHANGE = "other_exchange"
    """The same by its exchange."""
    OTHER_TAPE = "other_tape"
    """The same by its tape."""

    CONTROL_IN_SYMBOL = "control_in_symbol"
    """A trade whose symbol has a NUL or another control character in it."""
    BLANK_IN_SYMBOL = "blank_in_symbol"
    """A trade whose symbol is blank, or begins, ends or is parted with a blank."""
    MARKUP_IN_SYMBOL = "markup_in_symbol"
    """A trade whose symbol is markup."""
    INVISIBLE_IN_SYMBOL = "invisible_in_symbol"
    """A trade whose symbol has zero-width or bidirectional characters in it."""
    INVENTED_SYMBOLS = "invented_symbols"
    """A frame of 25 trades of symbols that nobody lists, each time of others."""
    TEST_ISSUE_BAR = "test_issue_bar"
    """A second aggregate of ZWZZT, a test issue, at ten times its close and a thousand times the volume."""
    TEST_ISSUE_TRADE = "test_issue_trade"
    """A trade of it at that price."""
    SUB_PENNY_BAR = "sub_penny_bar"
    """A second aggregate of PNNYQ at $0.00005."""
    SUB_PENNY_TRADE = "sub_penny_trade"
    """A trade of it at that price."""


class DefectSchedule:
    """When each kind is due: evenly over the hour, from a phase of its own drawn from the seed."""

    def __init__(self, per_hour: Mapping[Defect, int], *, seed: int, start_ms: int) -> None:
        self._per_hour: Final = per_hour
        self._start_ms: Final = start_ms
        phases = np.random.default_rng([seed, 8]).integers(0, MS_PER_HOUR, len(Defect)).tolist()
        self._phases: Final = dict(zip(Defect, phases, strict=True))
        self._taken: Final = dict.fromkeys(per_hour, 0)

    def most_waiting(self, defect: Defect) -> int:
        """How many of a kind may wait: those of a minute. What a silent channel lacks is not made up for."""
        return max(1, self._per_hour[defect] // _MINUTES_PER_HOUR)

    def take_due(self, now_ms: int) -> dict[Defect, int]:
        """How many of each kind became due since the last call; over any whole hour just its number."""
        due = {}
        for defect, number in self._per_hour.items():
            so_far = ((now_ms - self._start_ms) * number + self._phases[defect]) // MS_PER_HOUR
            if so_far > self._taken[defect]:
                due[defect] = so_far - self._taken[defect]
                self._taken[defect] = so_far
        return due
