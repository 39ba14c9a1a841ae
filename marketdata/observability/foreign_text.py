"""Makes text from other systems safe for a log, a status or a page: short, one line, without our secrets."""

import logging
import re
from typing import Final
from urllib.parse import quote

MASK: Final = "***"
MAX_CHARACTERS: Final = 300
_MIN_SECRET_WITHIN_WORDS: Final = 8
"""A secret this long is masked even within a word. A shorter one may occur in any word by chance."""

_INVISIBLE: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]+"
)


def one_line(text: str) -> str:
    """The text with a blank in place of control characters, halves of characters (surrogates), and marks that
    turn the direction of what follows.
    """
    return _INVISIBLE.sub(" ", text)


class TextFilter:
    """Makes text from another system safe to show. `secrets` are masked.

    A server may repeat the key in its refusal, as plain text or as in a URL; it must not get into a
    log. A text longer than `MAX_CHARACTERS` is cut, and control characters become a blank.
    """

    def __init__(self, *secrets: str) -> None:
        patterns = [_pattern(secret) for secret in secrets if secret]
        self._secrets = re.compile("|".join(patterns)) if patterns else None

    def __call__(self, text: str) -> str:
        """The text, safe to show."""
        # Secrets are masked before the text is cut, since a cut may leave half of a key.
        hidden = text if self._secrets is None else self._secrets.sub(MASK, text)
        shown = one_line(hidden)
        return shown if len(shown) <= MAX_CHARACTERS else f"{shown[:MAX_CHARACTERS]}…"


def filter_library_logger(name: str, shown: TextFilter) -> None:
    """Filter a library's own log lines, since they quote the server, too. Replaces an earlier filter."""
    logger = logging.getLogger(name)
    for before in [one for one in logger.filters if isinstance(one, _FilteredRecords)]:
        logger.removeFilter(before)
    logger.addFilter(_FilteredRecords(shown))


class _FilteredRecords(logging.Filter):
    def __init__(self, shown: TextFilter) -> None:
        super().__init__()
        self._shown = shown

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self._shown(record.getMessage()), None
        return True


def _pattern(secret: str) -> str:
    """A pattern for the secret: each character is plain, encoded as in a URL, or escaped as in JSON."""
    characters = (f"(?:\\\\?{re.escape(one)}|{re.escape(quote(one, safe=''))})" for one in secret)
    spelled = "".join(characters)
    return rf"(?i:{spelled})" if len(secret) >= _MIN_SECRET_WITHIN_WORDS else rf"(?<!\w){spelled}(?!\w)"
