"""The ASGI application of a web process: HTTP, WebSockets and lifespan, with one Widget Data Service."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, TypeAlias

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.handlers.asgi import ASGIHandler
from django.urls import re_path

from marketdata.clock import SystemClock
from marketdata.runtime.live_settings import LiveSettings
from mdp_site.accounts.entrance import WebSocketEntrance, refuse
from mdp_site.accounts.login_service import LoginService
from mdp_site.api.control.refusals import RefusalBook
from mdp_site.api.held_logins import HeldLogins
from mdp_site.api.rate_limits import RateLimits
from mdp_site.api.services import SERVICES_IN_SCOPE, ApiServices
from mdp_site.control_plane.due import DUE_IN_SCOPE, Due
from mdp_site.health import HUB_IN_SCOPE, SETTINGS_IN_SCOPE
from mdp_site.operations_page import HISTORY_IN_SCOPE, INSTALLATION_IN_SCOPE, SEARCH_IN_SCOPE
from mdp_site.steering import steered
from mdp_site.web_instructions import web_handlers
from mdp_site.web_settings import WebSettings
from widgets.data_service import WidgetDataService

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[Mapping[str, Any]], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


def compose(
    http: ASGIHandler,
    service: WidgetDataService,
    live: LiveSettings[WebSettings],
    logins: LoginService | None = None,
) -> Application:
    """The application of a process.

    Views find the hub of their process, and its reader of the installation, in the scope of the request.

    `live` follows what operators want, and `logins` lets WebSockets in and follows their logins, both until
    the server's lifespan ends. The service and the web server read their limits from the same `live`.
    """
    logins = logins or LoginService()
    clock = SystemClock()
    api = ApiServices(
        hub=service.hub,
        catalog=service.catalog,
        day_lists=service.day_lists,
        logins=HeldLogins(logins, clock),
        limits=RateLimits(live, clock),
        refusals=RefusalBook(),
        clock=clock,
    )

    due = Due()

    async def http_of_this_service(scope: Scope, receive: Receive, send: Send) -> None:
        shared = {
            HUB_IN_SCOPE: service.hub,
            SETTINGS_IN_SCOPE: live,
            SERVICES_IN_SCOPE: api,
            INSTALLATION_IN_SCOPE: service.installation,
            HISTORY_IN_SCOPE: service.history,
            SEARCH_IN_SCOPE: service.search,
            DUE_IN_SCOPE: due,
        }
        await http({**scope, **shared}, receive, send)

    elsewhere = re_path("", _no_socket)  # type: ignore[arg-type] # Django's types know views only
    application: Application = ProtocolTypeRouter(
        {
            "http": http_of_this_service,
            "websocket": WebSocketEntrance(URLRouter([*service.urlpatterns, elsewhere]), logins),
            "lifespan": steered(
                logins.alongside(service.lifespan),
                live,
                service.hub,
                due,
                web_handlers(service.hub, logins),
            ),
        }
    )
    return application


async def _no_socket(scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse a WebSocket at a path that has none. Without it, the router's error would be a 500."""
    await refuse(scope, receive, send, "no WebSocket at this path; accepted: /ws/")
