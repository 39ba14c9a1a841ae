"""The document of the installation: one for all readers, and a finding when it cannot be made."""

from marketdata.control.document import InstallationReader
from marketdata.control.verdict import Health
from marketdata.control.views import Overview
from tests.support import installation


class Overviews:
    """Returns the overviews in turn, the last one again and again. None: a defect."""

    def __init__(self, *overviews: Overview | None) -> None:
        self._overviews = list(overviews)

    async def newest(self) -> Overview:
        overview = self._overviews.pop(0) if len(self._overviews) > 1 else self._overviews[0]
        if overview is None:
            raise ValueError("a rule divided by nothing")
        return overview


async def test_readers_of_one_overview_share_one_document() -> None:
    reader = InstallationReader(Overviews(installation.overview()))
    document = await reader.newest()
    assert await reader.newest() is document
    assert document.verdict.state is Health.HEALTHY


async def test_a_new_overview_makes_a_new_document() -> None:
    reader = InstallationReader(Overviews(installation.overview(), Overview(read_at_ms=1)))
    first, second = await reader.newest(), await reader.newest()
    assert second is not first
    assert second.verdict.state is not Health.HEALTHY


async def test_a_defect_is_a_finding_that_names_it_and_ends_with_it() -> None:
    reader = InstallationReader(Overviews(None, installation.overview()))
    failed = await reader.newest()
    assert failed.verdict.state is Health.UNKNOWN
    assert "ValueError: a rule divided by nothing" in failed.verdict.sentence
    assert failed.verdict.findings[0].rule == "overview failed"
    assert "overview" in failed.overview.unread
    assert (await reader.newest()).verdict.state is Health.HEALTHY
