"""ASGI entry point: HTTP to Django, WebSockets through the entrance to the consumers."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mdp_site.settings")

from mdp_site.telemetry import instrument_django

instrument_django("web")  # before the handler exists: it adds a middleware

from django.core.asgi import get_asgi_application  # noqa: E402

_http = get_asgi_application()  # loads the applications, which the imports below need

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402

from mdp_site.checks import refuse_when_unsafe  # noqa: E402
from mdp_site.entrance import WebSocketEntrance  # noqa: E402
from mdp_site.steering import steered  # noqa: E402
from widgets.routing import lifespan, websocket_urlpatterns  # noqa: E402

refuse_when_unsafe()

application = ProtocolTypeRouter(
    {
        "http": _http,
        "websocket": WebSocketEntrance(URLRouter(websocket_urlpatterns)),
        "lifespan": steered(lifespan),
    }
)
