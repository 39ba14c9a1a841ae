"""The named flaws of a load of reference data: for operators, and to decide whether to load again."""

import datetime as dt
import enum
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from marketdata.errors import ContentError, MarketDataError, ProviderRefused, ProviderUnavailable

MARKET_STATUS: Final = "market status"
FLOATS: Final = "floats"
TICKERS: Final = "tickers"
SPLITS: Final = "splits"
SNAPSHOT: Final = "snapshot"
UNADJUSTED_BARS: Final = "unadjusted daily bars"
VOLUME_CURVE: Final = "volume curve"
"""The parts of a load, as flaws name them. The daily bars of each session are further parts."""


class FlawReason(enum.StrEnum):
    """Why a part is missing or incomplete."""

    NOT_ENTITLED = "not_entitled"
    UNAVAILABLE = "unavailable"
    UNREADABLE = "unreadable"
    REFUSED = "refused"
    EMPTY = "empty"
    THIN = "thin"
    ENDLESS = "endless"
    UNKNOWN_SHARES = "unknown_shares"


FLAW_TEXTS: Final = {
    FlawReason.NOT_ENTITLED: "not included in the provider's plan",
    FlawReason.UNAVAILABLE: "not answered",
    FlawReason.UNREADABLE: "not understood",
    FlawReason.REFUSED: "refused",
    FlawReason.EMPTY: "answered without a row",
    FlawReason.THIN: "answered with a part of the market",
    FlawReason.ENDLESS: "pages without end",
    FlawReason.UNKNOWN_SHARES: "of before today are left out while the splits of today are missing",
}
"""Each reason, in words for an operator."""

QUICK_RETRIES: Final = 8
SLOW_RETRY_MS: Final = 60 * 60_000


class Flaw(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A part that is missing or incomplete; `date` is that of the session if the part is daily bars.

    `kept` is the date of the older data that replaces the part, `detail` the text of the provider's failure.
    """

    part: str
    reason: FlawReason
    date: dt.date | None = None
    detail: str = ""
    kept: dt.date | None = None

    @property
    def name(self) -> str:
        """The part, with the date of the session."""
        return self.part if self.date is None else f"{self.part} of {self.date}"

    @property
    def passes(self) -> bool:
        """Whether another load may provide the part. Unknown shares depend on the splits' own flaw."""
        return self.reason not in {FlawReason.NOT_ENTITLED, FlawReason.UNKNOWN_SHARES}

    def __str__(self) -> str:
        kept = f"; those of {self.kept} are kept" if self.kept else ""
        return f"{self.name}: {FLAW_TEXTS[self.reason]}{kept}"


class StoredParts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How complete the stored reference block is. Stored in one transaction with the block.

    `date` is the trading day, `closures` are dates of the calendar on which the exchange was closed,
    `loads` is the number of loads for that day, and `loaded_ms` the end of the newest (epoch ms).
    """

    date: dt.date
    loaded_ms: int
    loads: int = 1
    flaws: tuple[Flaw, ...] = ()
    closures: tuple[dt.date, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether another load cannot add anything."""
        return not any(flaw.passes for flaw in self.flaws)

    def is_due(self, now_ms: int) -> bool:
        """Whether to load incomplete data again (`now_ms` is epoch ms).

        The first retries happen at every run of the job, for about two hours; the later ones once an hour.
        """
        waited_ms = now_ms - self.loaded_ms
        return not self.is_complete and (self.loads <= QUICK_RETRIES or waited_ms >= SLOW_RETRY_MS)


def flaw_of(part: str, error: MarketDataError, date: dt.date | None = None) -> Flaw:
    """The flaw that results from an error of the provider."""
    reason = FlawReason.UNREADABLE
    if isinstance(error, ProviderUnavailable):
        reason = FlawReason.UNAVAILABLE
    elif isinstance(error, ProviderRefused):
        entitled = error.reason != "not_entitled"
        reason = FlawReason.REFUSED if entitled else FlawReason.NOT_ENTITLED
    elif isinstance(error, ContentError) and error.reason in {FlawReason.ENDLESS, FlawReason.EMPTY}:
        reason = FlawReason(error.reason)
    return Flaw(part=part, reason=reason, date=date, detail=str(error))


def named(flaws: Iterable[Flaw], *reasons: FlawReason) -> Sequence[str]:
    """The names of the parts with one of these flaws."""
    return tuple(flaw.name for flaw in flaws if flaw.reason in reasons)


def encode_parts(parts: StoredParts) -> bytes:
    """The record as bytes (JSON)."""
    return msgspec.json.encode(parts)


def decode_parts(data: bytes) -> StoredParts:
    """The record that `encode_parts` wrote.

    Raises:
        ContentError: reason `reference_parts`; the bytes are not such a record.
    """
    try:
        return msgspec.json.decode(data, type=StoredParts)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ContentError("reference_parts", str(error)) from error
