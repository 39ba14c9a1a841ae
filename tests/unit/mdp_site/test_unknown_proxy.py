"""A proxy that terminates TLS and is missing in `TRUSTED_PROXIES` is told as such."""

import pytest
from django.test import Client
from pytest_django import Settings


@pytest.fixture
def production(settings: Settings) -> None:
    settings.PRODUCTION = settings.SECURE_SSL_REDIRECT = True


@pytest.mark.usefixtures("production")
def test_a_browser_behind_an_unknown_proxy_is_told_and_not_redirected_for_ever() -> None:
    answer = Client(headers={"X-Forwarded-Proto": "https"}).get("/accounts/login/")
    assert answer.status_code == 400
    assert "TRUSTED_PROXIES" in answer.content.decode()


@pytest.mark.usefixtures("production")
@pytest.mark.parametrize("headers", [{}, {"X-Forwarded-Proto": "http"}])
def test_a_browser_over_plain_http_is_redirected(headers: dict[str, str]) -> None:
    answer = Client(headers=headers).get("/accounts/login/")
    assert (answer.status_code, answer.headers["Location"]) == (301, "https://testserver/accounts/login/")


@pytest.mark.django_db
@pytest.mark.usefixtures("production")
def test_a_request_over_tls_by_a_trusted_proxy_is_served() -> None:
    answer = Client(headers={"X-Forwarded-Proto": "https"}).get("/accounts/login/", secure=True)
    assert answer.status_code == 200
