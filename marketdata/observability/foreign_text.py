"""Text of strangers on its way to a log, a status or a page: bounded, on one line, without our secrets."""

import re
from typing import Final
from urllib.parse import quote, quote_plus

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
        spellings = {
            spelling
            for secret in secrets
            if secret
            for spelling in (secret, quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1])
        }
        # The longest first: a spelling may contain another.
        patterns = [_pattern(spelling) for spelling in sorted(spellings, key=len, reverse=True)]
        self._secrets = re.compile("|".join(patterns)) if patterns else None

    def __call__(self, text: str) -> str:
        """The text as it may be shown."""
        # Masked before it is cut: half a key is still worth hiding.
        hidden = text if self._secrets is None else self._secrets.sub(MASK, text)
        shown = _UNSEEN.sub(" ", hidden)
        return shown if len(shown) <= LONGEST_TEXT else f"{shown[:LONGEST_TEXT]}…"


def _pattern(spelling: str) -> str:
    escaped = re.escape(spelling)
    return rf"(?i:{escaped})" if len(spelling) >= _FINDABLE_ANYWHERE else rf"(?<!\w){escaped}(?!\w)"
