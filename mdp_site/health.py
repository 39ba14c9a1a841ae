"""`/healthz`, `/readyz` and `/metrics` of the web process."""

import ipaddress
from collections.abc import Callable, Mapping
from typing import Final
from uuid import uuid4

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from marketdata.observability.logs import get_logger
from mdp_site.accounts.roles import Right, rights_of
from mdp_site.addresses import client_address
from widgets.hub import Hub

HUB_IN_SCOPE: Final = "mdp.hub"
"""Where `mdp_site.composition` puts the hub of the process into the scope of each request."""

_log = get_logger(__name__)


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()


def _ask_cache() -> None:
    key, value = f"readyz:{uuid4().hex}", uuid4().hex
    cache.set(key, value, timeout=10)
    if cache.get(key) != value:
        raise ConnectionError("a value that was just stored did not come back")
    cache.delete(key)


DEPENDENCIES: Final[Mapping[str, Callable[[], None]]] = {"database": _ask_database, "cache": _ask_cache}


@never_cache
@require_safe
def healthz(_request: HttpRequest) -> JsonResponse:
    """The process answers. No dependency is asked: a restart would not bring one back."""
    return JsonResponse({"service": "web", "alive": True})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when this process can serve, else 503. Which dependency fails is for all to see; how, for staff.

    Old data does not make it unready: every process shows the same, and a page that says why is better than
    none. `data` tells the state in the words of docs/protocol.md; null before it is known.
    """
    hub = _hub(request)
    failures = _failing_dependencies(hub)
    with_detail = _may_see_detail(request, failures)
    details = failures if with_detail else dict.fromkeys(failures, "unavailable")
    data = _data_state(hub, with_detail=with_detail)
    body = {"service": "web", "ready": not failures, "unready": details, "data": data}
    return JsonResponse(body, status=503 if failures else 200)


def _hub(request: HttpRequest) -> Hub | None:
    """The hub of this process; None where another server than ASGI's runs the views."""
    hub: Hub | None = getattr(request, "scope", {}).get(HUB_IN_SCOPE)
    return hub


def _data_state(hub: Hub | None, *, with_detail: bool) -> dict[str, object] | None:
    status = None if hub is None else hub.data_status()
    if status is None:
        return None
    told: dict[str, object] = {"state": status.state, "age_ms": status.age_ms}
    return told | {"detail": status.detail} if with_detail else told


def _failing_dependencies(hub: Hub | None) -> dict[str, str]:
    failures = {} if hub is None else dict(hub.unready())
    for name, ask in DEPENDENCIES.items():
        try:
            ask()
        except Exception as error:  # noqa: BLE001 - every driver has its own errors; whatever it is, the answer is "unready"
            failures[name] = f"{type(error).__name__}: {error}"
            _log.warning("dependency unavailable", dependency=name, error=failures[name])
    return failures


def _may_see_detail(request: HttpRequest, failures: Mapping[str, str]) -> bool:
    # The session is read from the database: without one nobody can be told from anybody.
    return "database" not in failures and Right.DIAGNOSTICS in rights_of(request.user)


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text format, for scrapers from `METRICS_NETWORKS` and for staff."""
    if not _is_inside(request) and Right.METRICS not in rights_of(request.user):
        return HttpResponseForbidden("metrics are for addresses in METRICS_NETWORKS and for staff\n")
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def _is_inside(request: HttpRequest) -> bool:
    """Whether the client is in `METRICS_NETWORKS`.

    A connection without an address came over a local socket. A text that is no address, such as a proxy's
    `X-Forwarded-For: unknown`, comes from nowhere that anybody knows.
    """
    if not request.META.get("REMOTE_ADDR"):
        return True
    client = client_address(request)
    return client is not None and any(
        client in ipaddress.ip_network(network) for network in settings.METRICS_NETWORKS
    )
