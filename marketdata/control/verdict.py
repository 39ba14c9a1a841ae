"""The verdict on an installation: healthy, or what is wrong, since when, and what to do. Pure, rule by rule.

Each rule looks at the overview and returns its findings. The order of `RULES` is the order of importance: a
cause comes before its consequences, so that the first finding is the one to act on.
"""

import datetime as dt
import enum
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

import msgspec

from marketdata.control.findings import Finding
from marketdata.control.rules_of_absence import process_silent, role_missing, service_stopped
from marketdata.control.rules_of_data import (
    batches_lost,
    broken_books,
    broker_unusable,
    data_old_at_clients,
    feed_unusable,
    queue_waits,
    reference_missing,
    reference_old,
    shard_unowned,
    ticks_old,
)
from marketdata.control.rules_of_jobs import jobs_failing, jobs_late
from marketdata.control.rules_of_processes import (
    clocks_disagree,
    facts_disputed,
    loop_late,
    memory_short,
    other_version,
    process_stuck,
    process_unready,
    scanner_leaderless,
    settings_not_applied,
    source_unread,
    worker_restarting,
)
from marketdata.control.views import Overview
from marketdata.providers.base import ProviderState
from marketdata.trading_calendar import MarketSession

Rule: TypeAlias = Callable[[Overview], Iterable[Finding]]


class Health(enum.StrEnum):
    """The state of the installation: healthy, or the `Severity` of the worst finding."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    DOWN = "down"
    UNKNOWN = "unknown"

    @property
    def exit_code(self) -> int:
        """0 healthy, 1 degraded, 2 down or unknown."""
        return {Health.HEALTHY: 0, Health.DEGRADED: 1}.get(self, 2)


class InstallationVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """The state, one sentence that says it, and all findings, the most important first."""

    state: Health
    sentence: str
    findings: Sequence[Finding] = ()


RULES: Final[Sequence[Rule]] = (
    source_unread,
    role_missing,
    service_stopped,
    facts_disputed,
    process_silent,
    process_stuck,
    broker_unusable,
    shard_unowned,
    scanner_leaderless,
    feed_unusable,
    process_unready,
    ticks_old,
    batches_lost,
    queue_waits,
    broken_books,
    settings_not_applied,
    data_old_at_clients,
    clocks_disagree,
    other_version,
    worker_restarting,
    memory_short,
    loop_late,
    reference_missing,
    reference_old,
    jobs_failing,
    jobs_late,
)
"""In the order of importance."""


def judge(overview: Overview) -> InstallationVerdict:
    """The verdict. A finding of a later rule does not come before one of an earlier rule of its severity."""
    findings = [finding for rule in RULES for finding in rule(overview)]
    findings.sort(key=lambda finding: finding.severity.rank)
    if not findings:
        return InstallationVerdict(state=Health.HEALTHY, sentence=_healthy(overview))
    worst = findings[0]
    others = len(findings) - 1
    more = "" if not others else f" And {others} more finding{'s' if others > 1 else ''}."
    return InstallationVerdict(
        state=Health(worst.severity), sentence=f"{worst.sentence}{more}", findings=findings
    )


def _healthy(overview: Overview) -> str:
    """What a healthy installation does now: the market's hours explain a silent feed."""
    running = len(overview.running)
    return f"Healthy: {running} processes run, {_feed(overview)}."


def _feed(overview: Overview) -> str:
    feed = overview.feed
    if feed is None:
        return "no feed is expected"
    session = feed.outlook.session
    if feed.state is ProviderState.MARKET_CLOSED or session is MarketSession.CLOSED:
        opens = feed.outlook.opens_ms
        return "the market is closed" + (f" until {_instant(opens)}" if opens else "")
    rate = next((each.in_per_second for each in overview.stages if each.book.name == "listener events"), None)
    return "the feed is live" if rate is None else f"{rate:,.0f} events a second arrive"


def _instant(epoch_ms: int) -> str:
    return f"{dt.datetime.fromtimestamp(epoch_ms / 1_000, dt.UTC):%Y-%m-%d %H:%M} UTC"
