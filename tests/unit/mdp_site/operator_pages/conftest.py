"""The operator's pages without a cache: what processes report is fixed."""

import pytest

from marketdata.control import Report
from mdp_site.operator_pages import processes
from tests.support import installation
from tests.support.operator_site import reports

WEB_IDENTITY = installation.healthy_processes()["web"].identity


@pytest.fixture(autouse=True)
def said(monkeypatch: pytest.MonkeyPatch) -> None:
    """One web process reports that it applies another value than the wanted one."""
    report = Report(source=WEB_IDENTITY, version=0, values={"log_level": "DEBUG"})
    monkeypatch.setattr(processes, "reports_of", reports(report))
