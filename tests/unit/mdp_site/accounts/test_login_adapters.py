"""Storing a new user is all or nothing, and a cache that is away is reported."""

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.models import SocialAccount, SocialLogin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.db import SessionStore
from django.core.cache.backends.locmem import LocMemCache
from django.test import Client, RequestFactory
from pytest_django import Settings

from mdp_site.accounts.models import User
from mdp_site.accounts.oidc.adapters import OpenIDConnectAdapter, account_claims
from mdp_site.accounts.oidc.claims import Identity
from mdp_site.accounts.oidc.views import registration

pytestmark = pytest.mark.django_db


class CacheThatIsAway(LocMemCache):
    """A shared cache whose server does not answer."""

    def add(self, *_arguments: Any, **_options: Any) -> bool:
        raise ConnectionError("redis is away")


@pytest.fixture
def cache_away(settings: Settings) -> None:
    settings.CACHES = {"default": {"BACKEND": f"{__name__}.{CacheThatIsAway.__name__}", "LOCATION": "away"}}


def test_a_second_login_that_stores_the_same_person_leaves_no_half_made_user(rf: RequestFactory) -> None:
    claims = account_claims(Identity(subject="ann-1", email="ann@example.com"))

    def login() -> SocialLogin:
        account = SocialAccount(provider="oidc", uid="ann-1", extra_data=claims)
        return SocialLogin(
            user=User(username=f"ann{User.objects.count()}"),
            account=account,
            email_addresses=[EmailAddress(email="ann@example.com", primary=True)],
        )

    adapter, request = OpenIDConnectAdapter(), rf.get("/")
    request.session, request.user = SessionStore(), AnonymousUser()
    adapter.save_user(request, login())
    with pytest.raises(ImmediateHttpResponse) as refused:
        adapter.save_user(request, login())
    assert refused.value.response.status_code == 503
    assert b"Login failed" in refused.value.response.content
    assert [table.objects.count() for table in (User, SocialAccount, EmailAddress)] == [1, 1, 1]


@pytest.mark.usefixtures("cache_away")
def test_without_the_cache_the_way_to_the_provider_is_open(settings: Settings) -> None:
    settings.OIDC_SERVER_URL = "http://127.0.0.1:1"
    settings.SOCIALACCOUNT_PROVIDERS = {
        "openid_connect": {
            "APPS": [{"provider_id": "oidc", "client_id": "x", "settings": {"server_url": "x"}}]
        }
    }
    answer = Client().post("/accounts/oidc/oidc/login/")
    assert answer.status_code == 503  # by the provider, which is away, too
    assert "Login failed" in answer.content.decode()


@pytest.mark.usefixtures("cache_away")
def test_without_the_cache_passwords_are_not_tried() -> None:
    get_user_model().objects.create_superuser("root", password="correct horse battery staple")
    answer = Client().post("/admin/login/", {"username": "root", "password": "correct horse battery staple"})
    assert answer.status_code == 200
    assert "closed for the moment" in answer.content.decode()


def test_openid_is_always_among_the_scopes(settings: Settings) -> None:
    settings.OIDC_SCOPES = ["email", "groups", "email"]
    assert registration().scopes == ("openid", "email", "groups")


def test_logins_begun_without_end_from_one_address_have_to_wait(settings: Settings) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login": "1/m/ip"}
    settings.OIDC_SERVER_URL = "http://127.0.0.1:1"
    settings.SOCIALACCOUNT_PROVIDERS = {
        "openid_connect": {
            "APPS": [{"provider_id": "oidc", "client_id": "x", "settings": {"server_url": "x"}}]
        }
    }
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "begun"}
    }
    answers = [Client().post("/accounts/oidc/oidc/login/") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [503, 429]
    assert "Too many attempts" in answers[1].content.decode()
