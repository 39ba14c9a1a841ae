"""The overview and its verdict as one document: for the operations page, its feed, `manage.py status`."""

from typing import Final, Protocol

import msgspec

from marketdata.control.findings import Finding, Severity
from marketdata.control.verdict import Health, InstallationVerdict, judge
from marketdata.control.views import Overview
from marketdata.observability.logs import RateLimitedLog, get_logger

_log: Final = RateLimitedLog(get_logger(__name__))


class InstallationDocument(msgspec.Struct, frozen=True):
    """What an installation does, and whether it is healthy. docs/operations.md explains it."""

    verdict: InstallationVerdict
    overview: Overview


class ReadsOverview(Protocol):
    """The part of `OverviewReader` that is used here."""

    async def newest(self) -> Overview:
        """The newest overview."""


class InstallationReader:
    """Makes the document of the newest overview. All readers of one event loop share it."""

    def __init__(self, overviews: ReadsOverview) -> None:
        self._overviews = overviews
        self._document: InstallationDocument | None = None

    async def newest(self) -> InstallationDocument:
        """The newest document: the same object as before if nothing was read since.

        A defect in the reading or in a rule is a finding, and not an error: those who look at an installation
        because it has a fault must see something.
        """
        try:
            overview = await self._overviews.newest()
            if self._document is None or self._document.overview is not overview:
                self._document = InstallationDocument(judge(overview), overview)
        except Exception as error:  # noqa: BLE001 - a boundary: a defect here must not end feeds or pages
            _log.warning("overview failed", reason=type(error).__name__, exc_info=error)
            self._document = _failed(error)
        return self._document


def _failed(error: Exception) -> InstallationDocument:
    finding = Finding(
        rule="overview failed",
        severity=Severity.UNKNOWN,
        what=f"the overview cannot be made: {type(error).__name__}: {error}"[:300],
        advice="This is a defect of the platform. Look at the processes one by one: each has /readyz.",
    )
    verdict = InstallationVerdict(state=Health.UNKNOWN, sentence=finding.sentence, findings=(finding,))
    return InstallationDocument(verdict, Overview(read_at_ms=0, unread={"overview": finding.what}))
