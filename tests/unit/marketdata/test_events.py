"""What a symbol can be: one rule, whoever asks."""

import json
import sys

import msgspec
import pytest

from marketdata.codec.layout import SYMBOL_CHARACTERS
from marketdata.events import LONGEST_SYMBOL, Symbol
from marketdata.kernels.symbols import BEGINS, GOES_ON
from marketdata.providers.massive.rest.wire import read_daily_bars
from tests.support.symbols import NO_SYMBOLS, SYMBOLS


def is_symbol(text: str) -> bool:
    try:
        msgspec.convert(text, Symbol)
    except msgspec.ValidationError:
        return False
    return True


@pytest.mark.parametrize("text", SYMBOLS)
def test_what_the_provider_sends_is_a_symbol(text: str) -> None:
    assert is_symbol(text)


@pytest.mark.parametrize("text", NO_SYMBOLS)
def test_what_nobody_trades_is_none(text: str) -> None:
    assert not is_symbol(text)


def test_compiled_code_knows_the_same_characters() -> None:
    for code in range(sys.maxunicode + 1):
        known = int(SYMBOL_CHARACTERS[code]) if code < len(SYMBOL_CHARACTERS) and code < 128 else 0
        if known or code < 0x3000:
            assert is_symbol(chr(code)) is bool(known & BEGINS)
            assert is_symbol("A" + chr(code)) is bool(known & GOES_ON)
    assert not SYMBOL_CHARACTERS[128:].any()
    assert max(map(len, SYMBOLS)) == LONGEST_SYMBOL


def test_rows_of_the_rest_service_have_symbols_by_the_same_rule() -> None:
    bar = {"o": 1, "h": 1, "l": 1, "c": 1, "v": 1}
    body = {"status": "OK", "results": [{"T": text, **bar} for text in (*SYMBOLS, *NO_SYMBOLS)]}
    bars, left_out = read_daily_bars(json.dumps(body).encode())
    assert [each.symbol for each in bars] == list(SYMBOLS)
    assert left_out == len(NO_SYMBOLS)
