"""System checks: each message names the setting and what is accepted."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core import checks
from pytest_django import Settings

from marketdata.errors import ConfigurationError
from mdp_site.checks import TAG, misspelled, refuse_when_unsafe
from tests.support.massive import changed_settings

PRODUCTION: dict[str, Any] = {
    "PRODUCTION": True,
    "DEBUG": False,
    "SECRET_KEY": "k" * 50,
    "SITE_URL": "https://scanner.example.com",
    "ALLOWED_HOSTS": ["scanner.example.com"],
    "OIDC_SERVER_URL": "https://login.example.com",
    "OIDC_CLIENT_ID": "id",
    "OIDC_CLIENT_SECRET": "secret",
    "CHANNEL_LAYERS": {"default": {"BACKEND": "channels_redis.core.RedisChannelLayer"}},
    "CACHES": {"default": {"BACKEND": "mdp_site.cache.DataCache"}},
    "MDC_URL": "redis://:secret@cache:6379/0",
    "CACHE_URL": "redis://:secret@cache:6379/0",
    "CHANNEL_LAYER_URL": "redis://:secret@cache:6379/0",
    "MDQ_URL": "amqp://mdp:secret@broker/",
}


@pytest.fixture
def found(settings: Settings) -> Callable[..., list[checks.CheckMessage]]:
    def run(**changes: Any) -> list[checks.CheckMessage]:
        for name, value in changes.items():
            setattr(settings, name, value)
        return checks.run_checks(tags=[TAG])

    return run


def as_command(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(sys, "argv", ["manage.py", name])


def test_the_defaults_are_fine(found: Callable[..., list[checks.CheckMessage]]) -> None:
    assert found() == []


def test_a_complete_production_configuration_is_fine(found: Callable[..., list[checks.CheckMessage]]) -> None:
    assert found(**PRODUCTION) == []
    assert found(**PRODUCTION | {"WDS_URL": "wss://feeds.example.com/ws/"}) == []


@pytest.mark.parametrize(
    ("setting", "changes", "accepted"),
    [
        ("MDQ_PREFIX", {"MDQ_PREFIX": "a b"}, "letters, digits"),
        (
            "MARKET_DATA_MESSAGE_TTL",
            {"MARKET_DATA_MESSAGE_TTL": 250, "DECLARED_SETTINGS": {"LONGEST_PUBLISH_INTERVAL_MS": 250}},
            "more than LONGEST_PUBLISH_INTERVAL_MS (250 ms)",
        ),
        ("OIDC_ALLOWED_DOMAINS", {"OIDC_ALLOWED_DOMAINS": ["example.com", "@x"]}, "such as example.com"),
        ("OIDC_ALLOWED_EMAILS", {"OIDC_ALLOWED_EMAILS": ["example.com"]}, "such as ann@example.com"),
        (
            "JOBS_RETRY_SECONDS",
            {"Q_CLUSTER": {"timeout": 300, "retry": 300}},
            "more than JOBS_TIMEOUT_SECONDS (300)",
        ),
        ("METRICS_NETWORKS", {"METRICS_NETWORKS": ["10.0.0.0/40"]}, "addresses and networks"),
        ("TRUSTED_PROXIES", {"TRUSTED_PROXIES": ["proxy"]}, "addresses and networks"),
        (
            "OIDC_CLIENT_ID",
            {"OIDC_SERVER_URL": "http://x", "OIDC_CLIENT_ID": "", "OIDC_CLIENT_SECRET": "s"},
            "what the provider issued",
        ),
        (
            "OIDC_CLIENT_SECRET",
            {"OIDC_SERVER_URL": "http://x", "OIDC_CLIENT_ID": "i", "OIDC_CLIENT_SECRET": ""},
            "what the provider issued",
        ),
        (
            "OIDC_SERVER_URL",
            {"OIDC_SERVER_URL": "", "ADMIN_PASSWORD_LOGIN": False},
            "the issuer's address",
        ),
        ("DEBUG", PRODUCTION | {"DEBUG": True}, "off"),
        ("SECRET_KEY", PRODUCTION | {"SECRET_KEY": "short"}, "50 or more random characters"),
        ("SITE_URL", PRODUCTION | {"SITE_URL": "http://scanner.example.com"}, "https://"),
        ("WDS_URL", PRODUCTION | {"WDS_URL": "ws://feeds.example.com/ws/"}, "a wss:// address"),
        ("ALLOWED_HOSTS", PRODUCTION | {"ALLOWED_HOSTS": ["*"]}, "the names under which the site is reached"),
        ("OIDC_SERVER_URL", PRODUCTION | {"OIDC_SERVER_URL": "http://login.example.com"}, "https://"),
        (
            "CHANNEL_LAYER_URL",
            PRODUCTION | {"CHANNEL_LAYERS": {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}},
            "redis://",
        ),
        (
            "CACHE_URL",
            PRODUCTION
            | {"CACHES": {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}},
            "redis://",
        ),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_accepted(
    found: Callable[..., list[checks.CheckMessage]], setting: str, changes: dict[str, Any], accepted: str
) -> None:
    [message] = found(**changes)
    assert message.is_serious()
    assert message.msg.startswith(f"{setting} ")
    assert message.hint is not None
    assert message.hint.startswith(f"Accepted for {setting}: ")
    assert accepted in message.hint


@pytest.mark.parametrize("setting", ["MDC_URL", "CACHE_URL", "CHANNEL_LAYER_URL", "MDQ_URL"])
@pytest.mark.parametrize("url", ["redis://cache", "rediss://user@cache:6379/0", "redis://:@cache"])
def test_production_refuses_a_server_without_a_password(
    found: Callable[..., list[checks.CheckMessage]], setting: str, url: str
) -> None:
    [message] = found(**PRODUCTION | {setting: url})
    assert message.is_serious()
    assert message.msg.startswith(f"{setting} has no password")


@pytest.mark.parametrize(
    "url",
    [
        "redis://u:p@cache",
        "rediss://cache?ssl_certfile=/c.pem",
        "unix:///run/cache.sock",
        "redis://h?password=p",
    ],
)
def test_a_password_a_certificate_or_a_socket_file_is_enough(
    found: Callable[..., list[checks.CheckMessage]], url: str
) -> None:
    assert found(**PRODUCTION | {"MDC_URL": url}) == []


def test_the_former_broker_of_jobs_is_refused_by_name(
    found: Callable[..., list[checks.CheckMessage]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBS_BROKER_URL", "redis://:secret@cache")
    [message] = found()
    assert message.is_serious()
    assert message.msg == "JOBS_BROKER_URL is set, but jobs wait in the database"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"feed": "Realtime"}, ("MASSIVE_FEED", "'Realtime'", "host:port", "RealTime")),
        ({"subscriptions": ("X.*",)}, ("MASSIVE_SUBSCRIPTIONS", "'X.*'", "A, AM, T, Q, LULD")),
        ({"subscriptions": ("A",)}, ("MASSIVE_SUBSCRIPTIONS", "'A'", "A, AM, T, Q, LULD")),
        ({"subscriptions": ()}, ("MASSIVE_SUBSCRIPTIONS", "A.*")),
        ({"api_key": "", "feed": "RealTime"}, ("MASSIVE_API_KEY", "RealTime")),
    ],
)
def test_the_listener_does_not_start_with_wrong_provider_settings(
    found: Callable[..., list[checks.CheckMessage]],
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
    expected: tuple[str, ...],
) -> None:
    as_command(monkeypatch, "run_listener")
    [message] = found(PROVIDER_SETTINGS=changed_settings({"api_key": "key"} | changes))
    assert message.is_serious()
    assert all(word in message.msg for word in expected), message.msg


def test_only_the_listener_needs_the_key_and_a_simulator_needs_none(
    found: Callable[..., list[checks.CheckMessage]], monkeypatch: pytest.MonkeyPatch
) -> None:
    as_command(monkeypatch, "check")
    assert found(PROVIDER_SETTINGS=changed_settings({"api_key": "", "feed": "RealTime"})) == []
    as_command(monkeypatch, "run_listener")
    assert found(PROVIDER_SETTINGS=changed_settings({"api_key": "", "feed": "127.0.0.1:9400"})) == []


def test_the_web_server_refuses_to_load_with_every_problem_named(settings: Settings) -> None:
    settings.MDQ_PREFIX = ""
    settings.METRICS_NETWORKS = ["nowhere"]
    with pytest.raises(ConfigurationError) as caught:
        refuse_when_unsafe()
    assert "MDQ_PREFIX" in str(caught.value)
    assert "METRICS_NETWORKS" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("MDQ_SHARD", "MDQ_SHARDS"),
        ("TRUSTED_PROXY", "TRUSTED_PROXIES"),
        ("OIDC_ALLOWED_DOMAIN", "OIDC_ALLOWED_DOMAINS"),
        ("MASSIVE_KEY", "MASSIVE_API_KEY"),
    ],
)
def test_a_misspelled_name_is_refused_with_the_name_that_may_be_meant(
    found: Callable[..., list[checks.CheckMessage]], monkeypatch: pytest.MonkeyPatch, name: str, meant: str
) -> None:
    monkeypatch.setenv(name, "1")
    [message] = found()
    assert message.is_serious()
    assert message.msg == f"{name} is not a setting"
    assert message.hint is not None
    assert message.hint.endswith(f"nothing; {meant} may be meant.")


def test_no_documented_name_and_none_of_another_program_is_taken_for_misspelled(settings: Settings) -> None:
    example = Path(__file__).parents[3] / "deploy" / "environment.example"
    documented = re.findall(r"^#?([A-Z][A-Z0-9_]*)=", example.read_text(), re.MULTILINE)
    others = [
        "MDQ_PORT",
        "MDQ_SERVICE_HOST",
        "WEB_PORT_8000_TCP",
        "WEB_CONCURRENCY",
        "HOSTNAME",
        "SECRET_KEY_BASE",
    ]
    assert misspelled([*documented, *others], settings.KNOWN_VARIABLES) == {}
