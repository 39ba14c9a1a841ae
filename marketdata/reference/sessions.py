"""Judges the answers for the last sessions by comparison with each other. No I/O."""

import datetime as dt
import statistics
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import msgspec

from marketdata.errors import ContentError, MarketDataError, ProviderRefused, ProviderUnavailable
from marketdata.reference.daily_metrics import SessionBars
from marketdata.reference.facts import DailyBar
from marketdata.reference.flaws import Flaw, FlawReason, flaw_of

DAILY_BARS: Final = "daily bars"
THIN_SHARE: Final = 0.5
"""An answer with less than this fraction of the median session's symbols is incomplete."""

SessionAnswer: TypeAlias = Sequence[DailyBar] | MarketDataError


class Sessions(msgspec.Struct, frozen=True):
    """The bars by session date, oldest first. None where they are missing; `flaws` say why."""

    bars: Mapping[dt.date, SessionBars]
    flaws: Sequence[Flaw]

    @property
    def empty(self) -> Sequence[dt.date]:
        """The dates whose answer had no bar."""
        return [flaw.date for flaw in self.flaws if flaw.reason is FlawReason.EMPTY and flaw.date is not None]


def judge_sessions(answers: Mapping[dt.date, SessionAnswer]) -> Sessions:
    """The sessions whose answers are usable, and the flaws of the others.

    An empty answer for a session date is a missing session; more evidence is needed to show that the exchange
    was closed (see `closures`). An answer with a small part of the market is a missing session, too. If the
    plan includes some sessions and not others, the others are not ready yet: their reason is `REFUSED`.

    Raises:
        MarketDataError: there is not one session, and the plan is not the reason.
    """
    sizes = [len(bars) for bars in answers.values() if not isinstance(bars, MarketDataError) and bars]
    fewest = THIN_SHARE * statistics.median(sizes) if sizes else 0.0
    held: dict[dt.date, SessionBars] = {}
    flaws: list[Flaw] = []
    for date, answer in answers.items():
        held[date] = None
        if isinstance(answer, MarketDataError):
            flaw = flaw_of(DAILY_BARS, answer, date)
            not_ready = sizes and flaw.reason is FlawReason.NOT_ENTITLED
            flaws.append(msgspec.structs.replace(flaw, reason=FlawReason.REFUSED) if not_ready else flaw)
        elif not answer:
            flaws.append(Flaw(part=DAILY_BARS, date=date, reason=FlawReason.EMPTY))
        elif len(answer) < fewest:
            detail = f"{len(answer)} symbols, usually about {statistics.median(sizes):.0f}"
            flaws.append(Flaw(part=DAILY_BARS, date=date, reason=FlawReason.THIN, detail=detail))
        else:
            held[date] = answer
    if not sizes and any(flaw.passes for flaw in flaws):
        raise _why_none(list(answers.values()))
    return Sessions(held, flaws)


def _why_none(answers: Sequence[SessionAnswer]) -> MarketDataError:
    """The reason that is most likely temporary."""
    for kind in (ProviderUnavailable, ProviderRefused, ContentError):
        for answer in answers:
            if isinstance(answer, kind):
                return answer
    return ContentError("no_daily_bars", f"{len(answers)} sessions were answered without a bar")
