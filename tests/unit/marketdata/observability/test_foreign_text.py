"""What a stranger's text may carry into a log: no secret of ours, no end that is far, one line."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.observability.foreign_text import MASK, MAX_CHARACTERS, TextFilter

KEY = "Zx9/secret+key=42"


@pytest.mark.parametrize(
    "echo", [KEY, KEY.lower(), quote(KEY, safe=""), f"Bearer {KEY}", f"https://x/?apiKey={quote(KEY)}&a=1"]
)
def test_the_key_is_masked_however_it_is_spelled(echo: str) -> None:
    assert "secret" not in TextFilter(KEY)(f"no such key: {echo}").lower()


def test_a_short_secret_is_masked_as_a_word_only() -> None:
    assert TextFilter("demo")("demo: a demonstration, key=demo") == f"{MASK}: a demonstration, key={MASK}"
    assert TextFilter("key")("Unknown API Key") == "Unknown API Key"


def test_without_a_secret_the_text_stays() -> None:
    assert TextFilter("")("not authorized") == "not authorized"


def test_a_key_across_the_bound_is_masked_before_the_text_is_cut() -> None:
    shown = TextFilter(KEY)("x" * (MAX_CHARACTERS - 5) + KEY)
    assert "Zx9" not in shown


@given(st.text())
def test_any_text_becomes_one_bounded_line(text: str) -> None:
    shown = TextFilter(KEY)(text)
    assert len(shown) <= MAX_CHARACTERS + 1
    assert len(shown.splitlines()) <= 1
