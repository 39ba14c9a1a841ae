"""The addresses of the account pages. Other pages of allauth are not offered.

The callback address is registered at providers, so it must not change.
"""

from allauth.account import views as account_views
from django.urls import path
from django.views.decorators.http import require_http_methods

from mdp_site.accounts import token_pages
from mdp_site.accounts.oidc import views
from mdp_site.accounts.session_pages import SessionsPage, socket_token

_page = require_http_methods(["GET"])
_form = require_http_methods(["GET", "POST"])

urlpatterns = [
    path("login/", views.login_page, name="account_login"),
    path("logout/", _form(account_views.logout), name="account_logout"),
    path("inactive/", _page(account_views.account_inactive), name="account_inactive"),
    path("sessions/", _form(SessionsPage.as_view()), name="usersessions_list"),
    path("socket-token/", socket_token, name="socket_token"),
    path("tokens/", token_pages.tokens, name="api_tokens"),
    path("tokens/<int:token_id>/revoke/", token_pages.revoke, name="api_token_revoke"),
    path("oidc/oidc/login/", views.begin, {"provider_id": views.PROVIDER}, name="openid_connect_login"),
    path(
        "oidc/oidc/login/callback/",
        views.callback,
        {"provider_id": views.PROVIDER},
        name="openid_connect_callback",
    ),
]
