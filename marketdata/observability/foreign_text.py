"""Text of strangers on its way to a log, a status or a page: bounded, on one line, without our secrets."""

import logging
import re
from typing import Final
from urllib.parse import quote

MASK: Final = "***"
LONGEST_TEXT: Final = 300
_FINDABLE_ANYWHERE: Final = 8
"""A secret of so many characters is masked inside of words too; a shorter one could be a part of any."""

_UNSEEN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069]+")


class TextFilter:
    """Makes a stranger's text fit to be shown. `secrets` are what it must not give back to others.

    A server that echoes the key in its refusal, plainly or as it stands in a URL, must not carry it into a
    log. What is longer than `LONGEST_TEXT` characters is cut, control characters become a blank.
    """

    def __init__(self, *secrets: str) -> None:
        patterns = [_pattern(secret) for secret in secrets if secret]
        self._secrets = re.compile("|".join(patterns)) if patterns else None

    def __call__(self, text: str) -> str:
        """The text as it may be shown."""
        # Masked before it is cut: half a key is still worth hiding.
        hidden = text if self._secrets is None else self._secrets.sub(MASK, text)
        shown = _UNSEEN.sub(" ", hidden)
        return shown if len(shown) <= LONGEST_TEXT else f"{shown[:LONGEST_TEXT]}…"


def filter_library_logger(name: str, shown: TextFilter) -> None:
    """Let a library's own log lines through the filter: they quote the server too. The newest counts."""
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
    """The secret with each character plain, as in a URL, or escaped as in JSON."""
    characters = (f"(?:\\\\?{re.escape(one)}|{re.escape(quote(one, safe=''))})" for one in secret)
    spelled = "".join(characters)
    return rf"(?i:{spelled})" if len(secret) >= _FINDABLE_ANYWHERE else rf"(?<!\w){spelled}(?!\w)"
