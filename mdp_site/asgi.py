"""ASGI entry point: HTTP to Django, WebSockets through the entrance to the consumers."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mdp_site.settings")

from mdp_site.telemetry import instrument_django

instrument_django("web")  # adds a middleware, so it must come before the handler is created

from django.core.asgi import get_asgi_application  # noqa: E402

_http = get_asgi_application()  # loads the applications, which the imports below need

from django.conf import settings  # noqa: E402

import mdp_site.urls  # noqa: E402, F401 - or the first request would wait for all pages and the API to load
from marketdata.store.keys import Keys  # noqa: E402
from mdp_site.checks import refuse_when_unsafe  # noqa: E402
from mdp_site.composition import compose  # noqa: E402
from mdp_site.jobs.schedules import read_jobs  # noqa: E402
from mdp_site.service_settings import SERVICES  # noqa: E402
from mdp_site.steering import live_web_settings  # noqa: E402
from widgets.data_service import WidgetDataService  # noqa: E402

refuse_when_unsafe()

web_settings = live_web_settings()
"""One object for the whole process: the web server reads it, too."""

application = compose(
    _http,
    WidgetDataService(
        cache_url=settings.MDC_URL,
        keys=Keys(settings.MDC_KEY_PREFIX),
        shard_count=settings.MDQ_SHARDS,
        settings=web_settings,
        services=list(SERVICES),
        read_jobs=read_jobs,
    ),
    web_settings,
)
