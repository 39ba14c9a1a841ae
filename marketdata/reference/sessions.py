"""What the answers for the last sessions are worth, each beside the others. Pure functions."""

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
"""An answer with fewer of the market's symbols than this, measured by the median session, is not whole."""

SessionAnswer: TypeAlias = Sequence[DailyBar] | MarketDataError


class Sessions(msgspec.Struct, frozen=True):
    """The bars by session date, oldest first, None where they are missing, and why they are."""

    bars: Mapping[dt.date, SessionBars]
    flaws: Sequence[Flaw]

    @property
    def empty(self) -> Sequence[dt.date]:
        """The dates that were answered without a single bar."""
        return [flaw.date for flaw in self.flaws if flaw.reason is FlawReason.EMPTY and flaw.date is not None]


def judged(answers: Mapping[dt.date, SessionAnswer]) -> Sessions:
    """The sessions that can be believed.

    An empty answer for a session date is a missing session: that the exchange was closed takes more to show
    (see `closures`). So is one with a small part of the market. A session that the plan does not include
    while it includes others is one that is not ready yet, and refused.

    Raises:
        MarketDataError: the reason why there is not a single session, unless that is the plan.
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
    """Of several reasons the one that most likely passes."""
    for kind in (ProviderUnavailable, ProviderRefused, ContentError):
        for answer in answers:
            if isinstance(answer, kind):
                return answer
    return ContentError("no_daily_bars", f"{len(answers)} sessions were answered without a bar")
