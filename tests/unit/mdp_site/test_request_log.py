"""What requests write into the log through Django: one line for a refusal, and a bounded number of them."""

import logging
from collections.abc import Iterator

import pytest
from django.db import OperationalError
from django.test import Client, RequestFactory
from pytest_django import Settings

from marketdata.observability.log_budget import INTERVAL_SECONDS, MAX_ENTRIES, LogBudget
from mdp_site.error_pages import server_error
from mdp_site.request_log import LONGEST_TEXT, RequestLogFilter
from tests.support.manual_clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


class _Handler(logging.Handler):
    """Keeps what passes its filters."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def entries(clock: ManualClock) -> Iterator[list[logging.LogRecord]]:
    """What passes the filter, as the handler of all entries would write it."""
    handler = _Handler()
    handler.addFilter(RequestLogFilter(LogBudget(clock)))
    logging.root.addHandler(handler)
    yield handler.records
    logging.root.removeHandler(handler)


def test_another_host_is_one_line_without_a_traceback(
    entries: list[logging.LogRecord], settings: Settings
) -> None:
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    assert Client().get("/accounts/login/", headers={"Host": "elsewhere.example"}).status_code == 400
    assert [entry.exc_info for entry in entries if entry.name.startswith("django.security")] == [None]
    assert "elsewhere.example" in entries[0].getMessage()


def test_a_flood_of_wrong_hosts_is_bounded_and_counted(
    entries: list[logging.LogRecord], settings: Settings, clock: ManualClock
) -> None:
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    visitor = Client(headers={"Host": "elsewhere.example"})
    for _ in range(MAX_ENTRIES + 7):
        visitor.get("/accounts/login/")
    assert len([entry for entry in entries if entry.name.startswith("django.security")]) == MAX_ENTRIES
    clock.advance(INTERVAL_SECONDS)
    visitor.get("/accounts/login/")
    assert entries[-1].getMessage().endswith("(similar kept back: 7)")


def test_pages_that_do_not_exist_are_bounded_and_long_addresses_are_cut(
    entries: list[logging.LogRecord],
) -> None:
    for _ in range(MAX_ENTRIES + 1):
        Client().get(f"/static/{'x' * 2 * LONGEST_TEXT}")
    assert len(entries) == MAX_ENTRIES
    assert len(entries[0].getMessage()) == LONGEST_TEXT


def test_a_database_that_is_away_is_told_in_a_line_and_a_defect_keeps_its_traceback(
    entries: list[logging.LogRecord],
) -> None:
    log = logging.getLogger("django.request")
    for error in (OperationalError("connection refused"), ZeroDivisionError("a defect")):
        try:
            raise error
        except (OperationalError, ZeroDivisionError):
            log.exception("%s: %s", "Internal Server Error", "/")
    away, defect = entries
    assert (away.getMessage(), away.exc_info) == ("Internal Server Error: /: connection refused", None)
    assert defect.exc_info is not None


def test_what_is_not_about_requests_passes_unchanged(entries: list[logging.LogRecord]) -> None:
    for number in range(2 * MAX_ENTRIES):
        logging.getLogger("django.db").warning("entry %d", number)
    assert [entry.args for entry in entries] == [(number,) for number in range(2 * MAX_ENTRIES)]


@pytest.mark.parametrize(
    ("error", "status"), [(OperationalError("away"), 503), (ZeroDivisionError("defect"), 500)]
)
def test_a_page_without_its_database_says_when_to_come_back(error: Exception, status: int) -> None:
    try:
        raise error
    except (OperationalError, ZeroDivisionError):
        answer = server_error(RequestFactory().get("/"))
    assert (answer.status_code, "Retry-After" in answer.headers) == (status, status == 503)
