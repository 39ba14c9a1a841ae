"""What a load of reference data lacks, by name: for operators, and so that it is tried again."""

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
"""The parts of a load, as flaws name them; with the daily bars of each session."""


class FlawReason(enum.StrEnum):
    """Why a part is not there, or not whole."""

    NOT_ENTITLED = "not_entitled"
    UNAVAILABLE = "unavailable"
    UNREADABLE = "unreadable"
    REFUSED = "refused"
    EMPTY = "empty"
    THIN = "thin"
    ENDLESS = "endless"
    UNKNOWN_SHARES = "unknown_shares"


WORDS: Final = {
    FlawReason.NOT_ENTITLED: "not included in the provider's plan",
    FlawReason.UNAVAILABLE: "not answered",
    FlawReason.UNREADABLE: "not understood",
    FlawReason.REFUSED: "refused",
    FlawReason.EMPTY: "answered without a row",
    FlawReason.THIN: "answered with a part of the market",
    FlawReason.ENDLESS: "pages without end",
    FlawReason.UNKNOWN_SHARES: "of before today are left out while the splits of today are missing",
}
"""Each reason as an operator reads it."""

QUICK_RETRIES: Final = 8
SLOW_RETRY_MS: Final = 60 * 60_000


class Flaw(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One part that is missing or not whole; `date` is the session's where the part is daily bars.

    `kept` is the date of the older data that stands in for it, `detail` the provider's own words.
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
        """Whether another load may bring it. Shares are known once the splits are, whose own flaw tells."""
        return self.reason not in {FlawReason.NOT_ENTITLED, FlawReason.UNKNOWN_SHARES}

    def __str__(self) -> str:
        kept = f"; those of {self.kept} are kept" if self.kept else ""
        return f"{self.name}: {WORDS[self.reason]}{kept}"


class StoredParts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is stored, beside the reference block and in one transaction with it: how whole the block is.

    `date` is the trading day, `closures` the dates of the calendar on which the exchange was closed,
    `loads` how many loads of that day there were, and `loaded_ms` when the newest ended (epoch ms).
    """

    date: dt.date
    loaded_ms: int
    loads: int = 1
    flaws: tuple[Flaw, ...] = ()
    closures: tuple[dt.date, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether another load can bring nothing more."""
        return not any(flaw.passes for flaw in self.flaws)

    def is_due(self, now_ms: int) -> bool:
        """Whether to load again what is not whole (`now_ms` is epoch ms).

        At every run of the job at first, which is for two hours; then every hour.
        """
        waited_ms = now_ms - self.loaded_ms
        return not self.is_whole and (self.loads <= QUICK_RETRIES or waited_ms >= SLOW_RETRY_MS)


def flaw_of(part: str, error: MarketDataError, date: dt.date | None = None) -> Flaw:
    """The flaw that an error of the provider leaves."""
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
        ContentError: with reason `reference_parts` for foreign bytes.
    """
    try:
        return msgspec.json.decode(data, type=StoredParts)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ContentError("reference_parts", str(error)) from error
