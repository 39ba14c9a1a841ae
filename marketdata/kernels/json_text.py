"""Functions that read plain JSON. Kernels are composed of them.

Each takes a text and an offset in it. It returns the offset after the value that it read, or `NOT_PLAIN`.
*Plain* is the JSON that providers usually send: strings of ASCII without escapes, numbers that need one exact
floating-point operation, arrays of these. Other text may be valid JSON or invalid: the caller gives it to a
complete decoder, which decides. So these functions need not recognize invalid JSON.

A text must end with a zero byte. No function reads beyond it, since none accepts it.
"""

from typing import Final, TypeAlias

import numpy as np

from marketdata.kernels.arrays import TextBytes
from marketdata.kernels.compilation import part

WholeNumber: TypeAlias = int | np.int64

NOT_PLAIN: Final = -1
END: Final = 0

QUOTE: Final = ord('"')
COMMA: Final = ord(",")
COLON: Final = ord(":")
OPENING_BRACKET: Final = ord("[")
CLOSING_BRACKET: Final = ord("]")
OPENING_BRACE: Final = ord("{")
CLOSING_BRACE: Final = ord("}")
_BACKSLASH: Final = ord("\\")
_MINUS: Final = ord("-")
_PLUS: Final = ord("+")
_POINT: Final = ord(".")
_ZERO: Final = ord("0")
_EXPONENT: Final = ord("e")
_LARGE_EXPONENT: Final = ord("E")
_SPACE: Final = ord(" ")
_TAB: Final = ord("\t")
_LINE_FEED: Final = ord("\n")
_CARRIAGE_RETURN: Final = ord("\r")
_FIRST_NOT_ASCII: Final = 128
_HIGHEST_DIGIT: Final = 9

PACKED_BYTES: Final = 8
"""The maximum number of bytes that `packed` takes."""

_PACKED_BITS: Final = 8 * PACKED_BYTES

NO_CODE: Final = np.uint64(0)
"""The result of `packed` for more bytes than that, or for none."""

# A product or quotient of two numbers that doubles hold exactly is rounded once, so it is the double nearest
# to what the digits say (W. D. Clinger, How to Read Floating Point Numbers Accurately, 1990).
_LARGEST_EXACT: Final = np.uint64(2**53)
_LARGEST_EXACT_POWER: Final = 22
_POWERS: Final = np.array([10.0**power for power in range(_LARGEST_EXACT_POWER + 1)])
_MOST_DIGITS: Final = 19  # as many as 64 bits hold for certain
_LARGEST_WHOLE_NUMBER: Final = np.uint64(2**63 - 1)
_MOST_EXPONENT_DIGITS: Final = 3
_TEN: Final = np.uint64(10)


@part
def byte_at(text: TextBytes, at: int) -> int:
    """One byte. The offset must not be negative, so not `NOT_PLAIN`.

    The index is made unsigned: for a signed index Numba checks at each byte whether it counts from the end,
    which took a third of the time.
    """
    return text[np.uint64(at)]


@part
def after_space(text: TextBytes, at: int) -> int:
    """The offset after any white space."""
    while byte_at(text, at) <= _SPACE and (
        byte_at(text, at) == _SPACE
        or byte_at(text, at) == _LINE_FEED
        or byte_at(text, at) == _CARRIAGE_RETURN
        or byte_at(text, at) == _TAB
    ):
        at += 1
    return at


@part
def after_string(text: TextBytes, at: int) -> int:
    """The offset after a string, which begins with its opening quote."""
    if byte_at(text, at) != QUOTE:
        return NOT_PLAIN
    at += 1
    while byte_at(text, at) != QUOTE:
        if (
            byte_at(text, at) < _SPACE
            or byte_at(text, at) >= _FIRST_NOT_ASCII
            or byte_at(text, at) == _BACKSLASH
        ):
            return NOT_PLAIN
        at += 1
    return at + 1


@part
def after_value(text: TextBytes, at: int) -> int:
    """The offset after a value, but not after an object or an array within an array."""
    if byte_at(text, at) != OPENING_BRACKET:
        return after_scalar(text, at)
    at = after_space(text, at + 1)
    if byte_at(text, at) == CLOSING_BRACKET:
        return at + 1
    while True:
        at = after_scalar(text, at)
        if at == NOT_PLAIN:
            return NOT_PLAIN
        at = after_space(text, at)
        if byte_at(text, at) == CLOSING_BRACKET:
            return at + 1
        if byte_at(text, at) != COMMA:
            return NOT_PLAIN
        at = after_space(text, at + 1)


@part
def after_scalar(text: TextBytes, at: int) -> int:
    """The offset after a string, a number, true, false or null."""
    first = byte_at(text, at)
    if first == QUOTE:
        return after_string(text, at)
    if first == _MINUS or _is_digit(first):
        return _after_number(text, at)
    if (
        first == ord("t")
        and byte_at(text, at + 1) == ord("r")
        and byte_at(text, at + 2) == ord("u")
        and byte_at(text, at + 3) == ord("e")
    ):
        return at + 4
    if (
        first == ord("f")
        and byte_at(text, at + 1) == ord("a")
        and byte_at(text, at + 2) == ord("l")
        and byte_at(text, at + 3) == ord("s")
    ):
        return at + 5 if byte_at(text, at + 4) == ord("e") else NOT_PLAIN
    return after_null(text, at)


@part
def after_null(text: TextBytes, at: int) -> int:
    """The offset after null."""
    if (
        byte_at(text, at) == ord("n")
        and byte_at(text, at + 1) == ord("u")
        and byte_at(text, at + 2) == ord("l")
        and byte_at(text, at + 3) == ord("l")
    ):
        return at + 4
    return NOT_PLAIN


@part
def after_object(text: TextBytes, at: int) -> int:
    """The offset after an object. Only its braces, and strings with their escapes, are read."""
    depth = 0
    while byte_at(text, at) != END:
        if byte_at(text, at) == QUOTE:
            at += 1
            while byte_at(text, at) != QUOTE:
                if byte_at(text, at) == _BACKSLASH:
                    at += 1
                if byte_at(text, at) == END:
                    return NOT_PLAIN
                at += 1
        elif byte_at(text, at) == OPENING_BRACE:
            depth += 1
        elif byte_at(text, at) == CLOSING_BRACE:
            depth -= 1
            if depth == 0:
                return at + 1
        at += 1
    return NOT_PLAIN


def packed_word(word: str) -> int:
    """The result of `packed` for a word.

    Raises:
        ValueError: it is empty, has more than eight characters, one that is not ASCII, or a zero.
    """
    if not 0 < len(word) <= PACKED_BYTES or not word.isascii() or "\0" in word:
        raise ValueError(f"{word!r} cannot be packed: accepted are 1 to {PACKED_BYTES} ASCII characters")
    return int.from_bytes(word.encode(), "little")


@part
def packed(text: TextBytes, start: int, end: int) -> np.uint64:
    """Up to eight bytes, none of them zero, as one unique number; the first byte is the lowest."""
    code = NO_CODE
    if end - start <= PACKED_BYTES:
        for offset in range(end - start):
            code |= np.uint64(byte_at(text, start + offset)) << np.uint64(8 * offset)
    return code


@part
def word(text: TextBytes, at: int) -> tuple[np.uint64, int]:
    """A packed string, which begins with its opening quote, and the offset after it."""
    if byte_at(text, at) != QUOTE:
        return NO_CODE, NOT_PLAIN
    at += 1
    code = NO_CODE
    shift = 0
    while byte_at(text, at) != QUOTE:
        if (
            byte_at(text, at) < _SPACE
            or byte_at(text, at) >= _FIRST_NOT_ASCII
            or byte_at(text, at) == _BACKSLASH
        ):
            return NO_CODE, NOT_PLAIN
        if shift < _PACKED_BITS:
            code |= np.uint64(byte_at(text, at)) << np.uint64(shift)
        shift += 8
        at += 1
    return (code if shift <= _PACKED_BITS else NO_CODE), at + 1


@part
def whole_number(text: TextBytes, at: int) -> tuple[WholeNumber, int]:
    """A whole number that is not negative, below 2**63, and the offset after it."""
    start = at
    value, at = _digits(text, at, np.uint64(0))
    if not _is_whole_part(text, start, at) or _goes_on(byte_at(text, at)):
        return 0, NOT_PLAIN
    if at - start > _MOST_DIGITS or value > _LARGEST_WHOLE_NUMBER:
        return 0, NOT_PLAIN
    return np.int64(value), at


@part
def number(text: TextBytes, at: int) -> tuple[float, int]:
    """A number that is not negative, as the nearest double, and the offset after it."""
    start = at
    digits, at = _digits(text, at, np.uint64(0))
    if not _is_whole_part(text, start, at):
        return 0.0, NOT_PLAIN
    digit_count = at - start
    power = 0
    if byte_at(text, at) == _POINT:
        first_of_fraction = at + 1
        digits, at = _digits(text, first_of_fraction, digits)
        power = first_of_fraction - at
        digit_count -= power
        if power == 0:
            return 0.0, NOT_PLAIN
    if byte_at(text, at) == _EXPONENT or byte_at(text, at) == _LARGE_EXPONENT:
        exponent, at = _exponent(text, at + 1)
        if at == NOT_PLAIN:
            return 0.0, NOT_PLAIN
        power += int(exponent)
    if digit_count > _MOST_DIGITS or digits > _LARGEST_EXACT or abs(power) > _LARGEST_EXACT_POWER:
        return 0.0, NOT_PLAIN
    if power < 0:
        return np.float64(digits) / _POWERS[-power], at
    return np.float64(digits) * _POWERS[power], at


@part
def _digits(text: TextBytes, at: int, before: np.uint64) -> tuple[np.uint64, int]:
    """The number `before`, continued by the digits that follow, and the offset after them."""
    while _is_digit(byte_at(text, at)):
        before = before * _TEN + np.uint64(byte_at(text, at) - _ZERO)
        at += 1
    return before, at


@part
def _exponent(text: TextBytes, at: int) -> tuple[WholeNumber, int]:
    is_negative = byte_at(text, at) == _MINUS
    if is_negative or byte_at(text, at) == _PLUS:
        at += 1
    start = at
    exponent: WholeNumber = 0
    while _is_digit(byte_at(text, at)) and at - start < _MOST_EXPONENT_DIGITS:
        exponent = exponent * 10 + np.int64(byte_at(text, at) - _ZERO)
        at += 1
    if at == start or _is_digit(byte_at(text, at)):
        return 0, NOT_PLAIN
    return -exponent if is_negative else exponent, at


@part
def _after_number(text: TextBytes, at: int) -> int:
    """The offset after a number of any sign and size."""
    if byte_at(text, at) == _MINUS:
        at += 1
    start = at
    while _is_digit(byte_at(text, at)):
        at += 1
    if not _is_whole_part(text, start, at):
        return NOT_PLAIN
    if byte_at(text, at) == _POINT:
        at += 1
        start = at
        while _is_digit(byte_at(text, at)):
            at += 1
        if at == start:
            return NOT_PLAIN
    if byte_at(text, at) == _EXPONENT or byte_at(text, at) == _LARGE_EXPONENT:
        _, at = _exponent(text, at + 1)
    return at


@part
def _is_digit(byte: int) -> bool:
    return bool(np.uint8(byte - _ZERO) <= _HIGHEST_DIGIT)


@part
def _is_whole_part(text: TextBytes, start: int, end: int) -> bool:
    """Whether these digits are valid before the decimal point: at least one, and no leading zero."""
    return end - start == 1 or (end > start and byte_at(text, start) != _ZERO)


@part
def _goes_on(byte: int) -> bool:
    return byte in (_POINT, _EXPONENT, _LARGE_EXPONENT)
