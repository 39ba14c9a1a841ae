"""The HTTP addresses of the site."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponseRedirect
from django.templatetags.static import static
from django.urls import include, path

from mdp_site import health
from mdp_site.accounts.guards import requires
from mdp_site.accounts.roles import Right
from mdp_site.accounts.session_pages import page_token_subprotocol
from widgets.views import asyncapi, dashboard


def favicon(_request: HttpRequest) -> HttpResponseRedirect:
    """The icon, for pages that do not name one, such as those of the admin."""
    return HttpResponseRedirect(static("widgets/favicon.svg"))


urlpatterns = [
    path("favicon.ico", favicon),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("accounts/", include("mdp_site.accounts.urls")),
    path("admin/", admin.site.urls),
    path("api/", include("mdp_site.api.urls")),
    path("asyncapi.json", requires(Right.OWN_ACCOUNT)(asyncapi), name="asyncapi"),
    path(
        "",
        requires(Right.MARKET_DATA)(dashboard),
        {"subprotocol_of": page_token_subprotocol},
        name="dashboard",
    ),
]

handler500 = "mdp_site.error_pages.server_error"
