"""One thing that is wrong: what, since when, and what to do."""

import enum
from typing import Final

import msgspec


class Severity(enum.StrEnum):
    """How bad a finding is. `UNKNOWN`: nothing can be said, which may be the worst."""

    UNKNOWN = "unknown"
    DOWN = "down"
    DEGRADED = "degraded"

    @property
    def rank(self) -> int:
        """0 is the worst."""
        return _RANKS.index(self)


_RANKS: Final = (Severity.UNKNOWN, Severity.DOWN, Severity.DEGRADED)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule found.

    `rule` is its name, which docs/operations.md explains. `what` is the beginning of a sentence, without a
    full stop. `since_ms`: epoch milliseconds, 0 if unknown. `advice`: what to do, a sentence.
    """

    rule: str
    severity: Severity
    what: str
    advice: str
    since_ms: int = 0

    @property
    def sentence(self) -> str:
        """The finding and the advice as sentences."""
        return f"{self.what[0].upper()}{self.what[1:]}. {self.advice}"


def listed(names: list[str], most: int = 4) -> str:
    """Names in one phrase; beyond `most`, only their number."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
