"""The operator's pages as a browser of one user asks for them, in this process and without servers."""

import re
from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Any, Final

from asgiref.sync import async_to_sync
from django.http import HttpResponse
from django.test import AsyncClient

from marketdata.control import Report
from marketdata.control.document import InstallationDocument
from marketdata.control.verdict import judge
from marketdata.control.views import Overview
from mdp_site.accounts.models import User
from mdp_site.control_plane.due import DUE_IN_SCOPE
from mdp_site.operations_page import INSTALLATION_IN_SCOPE
from tests.support import installation
from tests.support.operators import logged_in

PAGE: Final = "/admin/operations/"


class FixedReader:
    """An installation that is always the same."""

    def __init__(self, overview: Overview) -> None:
        self._document = InstallationDocument(judge(overview), overview)

    async def newest(self) -> InstallationDocument:
        """The document."""
        return self._document


class CountingDue:
    """Counts how often the delivery is asked to look at once."""

    def __init__(self) -> None:
        self.count = 0

    def set(self) -> None:
        """Count."""
        self.count += 1


class ScopedClient(AsyncClient):
    """A client whose requests carry what the web process shares with its views."""

    def __init__(self, shared: dict[str, Any], *, enforce_csrf_checks: bool) -> None:
        super().__init__(enforce_csrf_checks)
        self._shared = shared

    async def request(self, **request: Any) -> Any:
        """The answer to a request."""
        return await super().request(**request, **self._shared)


class OperatorBrowser:
    """A browser without a script. Paths are below the operations page."""

    def __init__(
        self, user: User | None, overview: Overview | None = None, *, enforce_csrf_checks: bool = False
    ) -> None:
        self.due = CountingDue()
        in_scope: dict[str, Any] = {
            INSTALLATION_IN_SCOPE: FixedReader(overview or installation.overview()),
            DUE_IN_SCOPE: self.due,
        }
        client = ScopedClient(in_scope, enforce_csrf_checks=enforce_csrf_checks)
        self._client = client if user is None else logged_in(user, client)

    def get(self, path: str = "", query: Any = None) -> HttpResponse:
        """Look at a page."""
        answer: HttpResponse = async_to_sync(self._client.get)(PAGE + path, query)
        return answer

    def post(self, path: str, values: Any) -> HttpResponse:
        """Send a form."""
        answer: HttpResponse = async_to_sync(self._client.post)(PAGE + path, values)
        return answer

    def send_form(self, path: str, query: Any = None, **typed: Any) -> HttpResponse:
        """Look at a page and send its form as it is, but for what is typed."""
        page = self.get(path, query).content.decode()
        return self.post(path, filled(page) | typed)


def filled(page: str) -> dict[str, Any]:
    """What a browser sends of the POST form of a page, if nothing is typed."""
    form = re.search(r'<form method="post" action="/admin/operations/.*?</form>', page, re.DOTALL)
    assert form is not None, "the page has no form that changes something"
    reader = _FormReader()
    reader.feed(form[0])
    return {name: each if len(each) > 1 else each[0] for name, each in reader.values.items()}


class _FormReader(HTMLParser):
    """Reads the values of a form."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, list[str]] = {}
        self._open = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the value of a field."""
        given = dict(attrs)
        name, value = given.get("name") or "", given.get("value") or ""
        if tag == "input" and name and (given.get("type") != "checkbox" or "checked" in given):
            self.values.setdefault(name, []).append(value)
        elif tag in ("select", "textarea"):
            self._open = name
            self.values[name] = [""]
        elif tag == "option" and "selected" in given:
            self.values[self._open] = [value]

    def handle_data(self, data: str) -> None:
        """Note the text of a text area."""
        if self._open and self.lasttag == "textarea":
            self.values[self._open] = [data.removeprefix("\n")]

    def handle_endtag(self, tag: str) -> None:
        """A field ends."""
        if tag in ("select", "textarea"):
            self._open = ""


def reports(*said: Report) -> Any:
    """A replacement of `reports_of`: the processes of each service report this."""

    async def reports_of(_service: str) -> Sequence[Report]:
        return said

    return reports_of
