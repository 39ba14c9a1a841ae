"""`/healthz`, `/readyz` and `/metrics` of the web process."""

import functools
import ipaddress
import os
from collections.abc import Callable, Mapping
from typing import Final
from uuid import uuid4

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_vite.core.asset_loader import DjangoViteAssetLoader
from django_vite.core.exceptions import DjangoViteAssetNotFoundError
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from marketdata.errors import ConfigurationError
from marketdata.observability.logs import RateLimitedLog, get_logger
from marketdata.observability.metrics import SERVICE_READY
from marketdata.runtime.live_settings import LiveSettings
from mdp_site.accounts.roles import Right, rights_of
from mdp_site.addresses import addresses_on_the_way
from mdp_site.web_settings import WebSettings
from widgets.hub import Hub

HUB_IN_SCOPE: Final = "mdp.hub"
"""The key of the process's hub in the scope of each request. `mdp_site.composition` puts it there."""

SETTINGS_IN_SCOPE: Final = "mdp.settings"
"""The key of the settings that apply to this process."""

_log = RateLimitedLog(get_logger(__name__))


@functools.cache
def _newest_migrations() -> frozenset[tuple[str, str]]:
    """The last migrations of each application, as this process knows them: application and name."""
    return frozenset(MigrationLoader(None).graph.leaf_nodes())


def _ask_database() -> None:
    """Fail also if migrations of this release are missing: then pages end with errors."""
    missing = _newest_migrations() - MigrationRecorder(connection).applied_migrations().keys()
    if missing:
        names = ", ".join(sorted(".".join(each) for each in missing))
        raise ConfigurationError(f"migrations are missing, the last are {names}; run manage.py migrate")


def _ask_cache() -> None:
    key, value = f"readyz:{uuid4().hex}", uuid4().hex
    cache.set(key, value, timeout=10)
    if cache.get(key) != value:
        raise ConnectionError("the cache did not return a value that was just stored")
    cache.delete(key)


def _ask_static_files() -> None:
    """Fail if a page cannot name the files that every page has."""
    try:
        DjangoViteAssetLoader.instance().generate_vite_asset_url("src/site.ts")
    except (ValueError, DjangoViteAssetNotFoundError) as error:
        raise ConfigurationError(
            f"{error}; build the browser bundle, run manage.py collectstatic, then restart"
        ) from error


DEPENDENCIES: Final[Mapping[str, Callable[[], None]]] = {
    "database": _ask_database,
    "cache": _ask_cache,
    "static files": _ask_static_files,
}


@never_cache
@require_safe
def healthz(_request: HttpRequest) -> JsonResponse:
    """Whether the process answers. Dependencies are not checked: a restart would not repair them."""
    return JsonResponse({"service": "web", "alive": True})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 if this process can serve, else 503.

    All clients see which dependency fails. Only staff sees why.
    Old data does not make a process unready: all processes show the same data, and a page that explains why
    it is old is better than no page. `data` is the state as in docs/protocol.md, null before it is known.
    """
    hub = _hub(request)
    failures = _unready(request)
    with_detail = _may_see_detail(request, failures)
    details = failures if with_detail else dict.fromkeys(failures, "unavailable")
    data = _data_state(hub, with_detail=with_detail)
    body = {"service": "web", "pid": os.getpid(), "ready": not failures, "unready": details, "data": data}
    return JsonResponse(body, status=503 if failures else 200)


def _unready(request: HttpRequest) -> dict[str, str]:
    """Why this process cannot serve, by part. `/readyz` and `mdp_service_ready` both follow from it."""
    failures = _failing_dependencies(_hub(request))
    if not _works(request):
        failures["web"] = "paused by an operator"
    SERVICE_READY.set(0 if failures else 1)
    return failures


def _hub(request: HttpRequest) -> Hub | None:
    """The hub of this process; None if the views do not run in `mdp_site.composition`'s application."""
    hub: Hub | None = getattr(request, "scope", {}).get(HUB_IN_SCOPE)
    return hub


def _works(request: HttpRequest) -> bool:
    """Whether operators want this process to serve WebSockets."""
    live: LiveSettings[WebSettings] | None = getattr(request, "scope", {}).get(SETTINGS_IN_SCOPE)
    return live is None or live.works


def _data_state(hub: Hub | None, *, with_detail: bool) -> dict[str, object] | None:
    status = None if hub is None else hub.data_status()
    if status is None:
        return None
    state: dict[str, object] = {"state": status.state, "age_ms": status.age_ms}
    return state | {"detail": status.detail} if with_detail else state


def _failing_dependencies(hub: Hub | None) -> dict[str, str]:
    failures = {} if hub is None else dict(hub.unready())
    for name, ask in DEPENDENCIES.items():
        try:
            ask()
        except Exception as error:  # noqa: BLE001 - each driver has its own errors, and all mean "unready"
            failures[name] = f"{type(error).__name__}: {error}"
            _log.warning("dependency unavailable", reason=name, error=failures[name])
    return failures


def _may_see_detail(request: HttpRequest, failures: Mapping[str, str]) -> bool:
    # Sessions are in the database, so without it the user is unknown.
    return "database" not in failures and Right.DIAGNOSTICS in rights_of(request.user)


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The metrics in Prometheus text format, for clients in `METRICS_NETWORKS` and for staff."""
    if not _is_inside(request) and Right.METRICS not in rights_of(request.user):
        return HttpResponseForbidden("metrics are for addresses in METRICS_NETWORKS and for staff\n")
    _unready(request)
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def _is_inside(request: HttpRequest) -> bool:
    """Whether the client is in `METRICS_NETWORKS`, and each address that a proxy reports, too.

    A proxy that is missing in `TRUSTED_PROXIES` would else make all its clients insiders. A connection
    without an address came over a local socket, so it is inside. A client whose address is not known, as with
    a proxy's `X-Forwarded-For: unknown`, is outside.
    """
    if not request.META.get("REMOTE_ADDR"):
        return True
    networks = [ipaddress.ip_network(network) for network in settings.METRICS_NETWORKS]
    return all(
        address is not None and any(address in network for network in networks)
        for address in addresses_on_the_way(request)
    )
