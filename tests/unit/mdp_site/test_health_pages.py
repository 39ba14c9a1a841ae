"""`/healthz`, `/readyz` and `/metrics` of the web process, and who sees which details."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import AsyncRequestFactory, Client
from pytest_django import Settings

from marketdata.observability.logs import RateLimitedLog, get_logger
from mdp_site import health
from widgets.data_state import DataState
from widgets.protocol import Status

pytestmark = pytest.mark.django_db

BROKEN = "connection to secret-host refused"


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(
        get_user_model().objects.create_user("root", is_staff=True),
        backend="django.contrib.auth.backends.ModelBackend",
    )
    return client


def broken() -> None:
    raise ConnectionError(BROKEN)


def readiness(client: Client) -> tuple[int, dict[str, Any]]:
    answer = client.get("/readyz")
    return answer.status_code, answer.json()["unready"]


def test_ready_when_everything_answers() -> None:
    assert readiness(Client()) == (200, {})


@pytest.mark.parametrize("dependency", ["database", "cache"])
def test_which_dependency_fails_is_for_all_to_see(monkeypatch: pytest.MonkeyPatch, dependency: str) -> None:
    monkeypatch.setitem(health.DEPENDENCIES, dependency, broken)
    assert readiness(Client()) == (503, {dependency: "unavailable"})
    assert Client().get("/healthz").json() == {"service": "web", "alive": True}


def test_how_it_fails_is_for_staff(monkeypatch: pytest.MonkeyPatch, staff: Client) -> None:
    monkeypatch.setitem(health.DEPENDENCIES, "cache", broken)
    assert readiness(staff) == (503, {"cache": f"ConnectionError: {BROKEN}"})


def test_without_a_database_nobody_is_known_as_staff(monkeypatch: pytest.MonkeyPatch, staff: Client) -> None:
    monkeypatch.setitem(health.DEPENDENCIES, "database", broken)
    assert readiness(staff) == (503, {"database": "unavailable"})


class KnowingHub:
    """The hub of a process, as far as it is asked."""

    def __init__(self, status: Status | None) -> None:
        self.status = status
        self.failure: dict[str, str] = {}

    def data_status(self) -> Status | None:
        return self.status

    def unready(self) -> dict[str, str]:
        return self.failure


def readyz(hub: KnowingHub, user: Any) -> tuple[int, dict[str, Any], dict[str, Any] | None]:
    """The answer of a process with this hub: the status code, the unready parts, the state of the data."""
    request: Any = AsyncRequestFactory().get("/readyz")
    request.scope[health.HUB_IN_SCOPE] = hub
    request.user = user
    answer = health.readyz(request)
    body = json.loads(answer.content)
    return answer.status_code, body["unready"], body["data"]


def test_the_state_of_the_data_is_told_and_does_not_make_the_process_unready() -> None:
    hub = KnowingHub(None)
    assert readyz(hub, AnonymousUser()) == (200, {}, None), "nothing is known before the hub runs"
    hub.status = Status(state=DataState.REFUSED, age_ms=47_000, detail="Auth failed.")
    state = {"state": "refused", "age_ms": 47_000}
    assert readyz(hub, AnonymousUser()) == (200, {}, state)
    assert readyz(hub, get_user_model()(is_staff=True)) == (200, {}, state | {"detail": "Auth failed."})
    hub.failure = {"hub": "LookupError: a defect"}
    assert readyz(hub, AnonymousUser()) == (503, {"hub": "unavailable"}, state)


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("127.0.0.1", 200),
        ("10.1.2.3", 200),
        ("", 200),
        ("::1", 200),
        ("8.8.8.8", 403),
        ("2001:db8::1", 403),
        ("unknown", 403),
        ("::ffff:10.1.2.3", 200),
        ("::ffff:8.8.8.8", 403),
        ("10.1.2.3:80", 403),
        ("fe80::1%eth0", 403),
    ],
)
def test_metrics_are_for_inside(address: str, status: int) -> None:
    assert Client(REMOTE_ADDR=address).get("/metrics").status_code == status


@pytest.mark.parametrize(
    ("reported", "status"),
    [("8.8.8.8", 403), ("10.0.0.9, 8.8.8.8", 403), ("unknown", 403), ("10.9.9.9", 200)],
)
def test_a_proxy_that_is_not_trusted_makes_nobody_an_insider(reported: str, status: int) -> None:
    answer = Client(REMOTE_ADDR="10.0.0.9", headers={"X-Forwarded-For": reported}).get("/metrics")
    assert answer.status_code == status


def test_metrics_are_for_staff_from_anywhere(settings: Settings, staff: Client) -> None:
    settings.METRICS_NETWORKS = []
    assert staff.get("/metrics").status_code == 200
    assert Client().get("/metrics").status_code == 403


def test_only_reading_is_allowed() -> None:
    assert {Client().post(path).status_code for path in ("/healthz", "/readyz", "/metrics")} == {405}


def test_the_metric_of_readiness_says_what_readyz_says(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\nmdp_service_ready 1.0\n" in Client().get("/metrics").content.decode()
    monkeypatch.setitem(health.DEPENDENCIES, "cache", broken)
    assert "\nmdp_service_ready 0.0\n" in Client().get("/metrics").content.decode()


def test_a_database_without_the_migrations_of_this_release_is_not_ready(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_log", RateLimitedLog(get_logger(health.__name__)))
    MigrationRecorder(connection).record_unapplied("api", "0001_initial")
    assert readiness(Client()) == (503, {"database": "unavailable"})
    assert "the last are api.0001_initial; run manage.py migrate" in caplog.text
    MigrationRecorder(connection).flush()
    assert readiness(Client()) == (503, {"database": "unavailable"})


def test_a_site_whose_static_files_were_not_collected_is_not_ready(
    settings: Settings, tmp_path: Path, staff: Client
) -> None:
    settings.STATIC_ROOT = tmp_path
    storage = {"staticfiles": {"BACKEND": "mdp_site.static_files.SiteStaticFilesStorage"}}
    settings.STORAGES = settings.STORAGES | storage
    status, unready = readiness(staff)
    assert (status, list(unready)) == (503, ["static files"])
    assert "run manage.py collectstatic" in unready["static files"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_probes_are_answered_under_any_host(path: str) -> None:
    """Probes and scrapers ask by the address of a process, which is no name of the site."""
    client = Client(headers={"Host": "10.1.2.3:8000"})
    assert client.get(path).status_code == 200
    assert client.get("/accounts/login/").status_code == 400
