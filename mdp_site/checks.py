"""System checks: they refuse settings that are readable but unsafe or contradictory.

`mdp_site.env` checks each setting alone (a number, a URL, a known word). These checks depend on several
settings, on a grammar, or on the kind of deployment. Each message names the setting, its value (unless it is
secret) and what is accepted. `manage.py` runs the checks before each command. The web server runs them when
it loads `mdp_site.asgi`.
"""

import ipaddress
import os
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core import checks

from marketdata.chosen_provider import chosen_provider, provider_settings
from marketdata.errors import ConfigurationError
from mdp_site.accounts.oidc.addresses import listed_address, listed_domain

TAG: Final = "mdp"

# The commands for which the provider's settings matter.
PROVIDER_COMMANDS: Final = ("run_listener", "check")
QUEUE_PREFIX: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
MINIMUM_SECRET_LENGTH: Final = 50
LEAST_SIMILARITY: Final = 0.84
"""Twice the equal letters, in the same order, by all letters of two names (difflib)."""


def _error(number: int, setting: str, problem: str, accepted: str) -> checks.Error:
    return checks.Error(
        f"{setting} {problem}", hint=f"Accepted for {setting}: {accepted}.", id=f"mdp.E{number:03}"
    )


@checks.register(TAG)
def check_queues(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[checks.CheckMessage]:
    """Check the prefix of the queues and the lifetime of batches."""
    del app_configs
    found: list[checks.CheckMessage] = []
    if not QUEUE_PREFIX.fullmatch(settings.MDQ_PREFIX):
        accepted = "1 to 64 letters, digits, dots, colons, dashes and underscores, a letter or digit first"
        found.append(_error(1, "MDQ_PREFIX", f"is {settings.MDQ_PREFIX!r}", accepted))
    interval_ms = settings.DECLARED_SETTINGS["LONGEST_PUBLISH_INTERVAL_MS"]
    if interval_ms >= settings.MARKET_DATA_MESSAGE_TTL:
        problem = f"is {settings.MARKET_DATA_MESSAGE_TTL} ms: events would expire before the next publication"
        accepted = f"more than LONGEST_PUBLISH_INTERVAL_MS ({interval_ms} ms)"
        found.append(_error(2, "MARKET_DATA_MESSAGE_TTL", problem, accepted))
    return found


@checks.register(TAG)
def check_names(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[checks.CheckMessage]:
    """Check for variables that are no settings, but nearly have the name of one."""
    del app_configs
    return [
        _error(13, name, "is not a setting", f"nothing; {meant} may be meant")
        for name, meant in misspelled(os.environ, settings.KNOWN_VARIABLES).items()
    ]


def misspelled(given: Iterable[str], known: Collection[str]) -> Mapping[str, str]:
    """Names that are not known but similar to a known one, with that one.

    Similar is the least that catches a lost letter, an ending or a lost word. Names that others have for
    themselves, such as those that Kubernetes sets for each service, are less similar.
    """
    unknown = [name for name in given if name not in known and name.removesuffix("_FILE") not in known]
    return {
        name: nearest[0]
        for name in unknown
        if (nearest := get_close_matches(name, known, n=1, cutoff=LEAST_SIMILARITY))
    }


@checks.register(TAG)
def check_provider(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[checks.CheckMessage]:
    """Check the provider's feed and subscriptions and, for the listener, its key."""
    del app_configs
    command = running_command()
    if command not in PROVIDER_COMMANDS:
        return []
    try:
        plugin, of_provider = chosen_provider(), provider_settings()
        target = plugin.target(of_provider)
        plugin.validate(target)
        if command == "run_listener":
            plugin.create(of_provider, target)
    except ConfigurationError as error:
        return [checks.Error(str(error), id="mdp.E003")]
    return []


def running_command() -> str:
    """The name of the management command of this process; empty if there is none."""
    return sys.argv[1] if len(sys.argv) > 1 else ""


@checks.register(TAG)
def check_jobs(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[checks.CheckMessage]:
    """Check the retry time of jobs: a job that is retried while it still runs would run twice."""
    del app_configs
    found: list[checks.CheckMessage] = []
    timeout, retry = settings.Q_CLUSTER["timeout"], settings.Q_CLUSTER["retry"]
    if retry <= timeout:
        accepted = f"more than JOBS_TIMEOUT_SECONDS ({timeout})"
        found.append(_error(4, "JOBS_RETRY_SECONDS", f"is {retry}", accepted))
    if os.environ.get("JOBS_BROKER_URL"):
        problem = "is set, but jobs wait in the database"
        found.append(_error(30, "JOBS_BROKER_URL", problem, "nothing: take it out"))
    return found


@checks.register(TAG)
def check_networks(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[checks.CheckMessage]:
    """Check the lists of addresses and networks."""
    del app_configs
    found: list[checks.CheckMessage] = []
    for number, setting in ((5, "METRICS_NETWORKS"), (6, "TRUSTED_PROXIES")):
        wrong = [each for each in getattr(settings, setting) if not _is_network(each)]
        if wrong:
            found.append(
                _error(number, setting, f"contains {wrong!r}", "addresses and networks, such as 10.0.0.0/8")
            )
    return found


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


@checks.register(TAG)
def check_login(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[checks.CheckMessage]:
    """Check that either all or no settings of the login provider are set, and that a login is possible."""
    del app_configs
    found: list[checks.CheckMessage] = []
    if settings.OIDC_SERVER_URL:
        for number, setting in ((7, "OIDC_CLIENT_ID"), (8, "OIDC_CLIENT_SECRET")):
            if not getattr(settings, setting):
                found.append(
                    _error(
                        number,
                        setting,
                        "is empty although OIDC_SERVER_URL is set",
                        "what the provider issued",
                    )
                )
    elif not settings.ADMIN_PASSWORD_LOGIN:
        problem = "is empty and ADMIN_PASSWORD_LOGIN is off: no login would be possible"
        found.append(
            _error(9, "OIDC_SERVER_URL", problem, "the issuer's address, or ADMIN_PASSWORD_LOGIN=on")
        )
    return found + list(_unreadable_lists())


def _unreadable_lists() -> Iterator[checks.CheckMessage]:
    """Errors for entries that no address can match."""
    for number, setting, read, accepted in (
        (10, "OIDC_ALLOWED_DOMAINS", listed_domain, "domains, such as example.com"),
        (11, "OIDC_ALLOWED_EMAILS", listed_address, "whole addresses, such as ann@example.com"),
    ):
        wrong = [each for each in getattr(settings, setting) if read(each) is None]
        if wrong:
            yield _error(number, setting, f"contains {wrong!r}", accepted)


@checks.register(TAG)
def check_socket_address(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[checks.CheckMessage]:
    """Check that browsers will open the WebSocket: a page over HTTPS may not open one without TLS."""
    del app_configs
    if not (settings.SITE_URL.startswith("https:") and settings.WDS_URL.startswith("ws:")):
        return []
    problem = f"is {settings.WDS_URL!r}, which browsers refuse to a page of SITE_URL ({settings.SITE_URL})"
    return [_error(12, "WDS_URL", problem, "a wss:// address")]


@checks.register(TAG)
def check_production(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[checks.CheckMessage]:
    """In production, check for settings that are safe only on a developer's machine."""
    del app_configs
    return list(_production_errors()) if settings.PRODUCTION else []


def _production_errors() -> Iterator[checks.CheckMessage]:
    production = "with MDP_DEPLOYMENT=production"
    if settings.DEBUG:
        yield _error(20, "DEBUG", f"is on {production}: error pages would show settings and code", "off")
    if len(settings.SECRET_KEY) < MINIMUM_SECRET_LENGTH:
        problem = f"has {len(settings.SECRET_KEY)} characters {production}"
        yield _error(21, "SECRET_KEY", problem, f"{MINIMUM_SECRET_LENGTH} or more random characters")
    if not settings.SITE_URL.startswith("https://"):
        yield _error(
            22, "SITE_URL", f"is {settings.SITE_URL!r} {production}", "the site's public https:// address"
        )
    if "*" in settings.ALLOWED_HOSTS:
        yield _error(
            23, "ALLOWED_HOSTS", f"contains '*' {production}", "the names under which the site is reached"
        )
    if not settings.OIDC_SERVER_URL.startswith("https://"):
        problem = f"is {settings.OIDC_SERVER_URL!r} {production}"
        yield _error(24, "OIDC_SERVER_URL", problem, "the https:// address of the OpenID Connect issuer")
    redis = "redis://, rediss:// or unix:// (MDC_URL counts for it when set)"
    if "InMemory" in settings.CHANNEL_LAYERS["default"]["BACKEND"]:
        problem = f"is empty {production}: a logout would not reach the other processes"
        yield _error(25, "CHANNEL_LAYER_URL", problem, redis)
    if "locmem" in settings.CACHES["default"]["BACKEND"]:
        problem = f"is empty {production}: limits on failed logins would count in each process for itself"
        yield _error(26, "CACHE_URL", problem, redis)
    for number, setting in enumerate(("MDC_URL", "CACHE_URL", "CHANNEL_LAYER_URL", "MDQ_URL"), start=31):
        if _is_open_redis(getattr(settings, setting)):
            problem = f"has no password {production}: anyone who reaches the server can change its data"
            accepted = "redis://:password@host, rediss:// with a password or ssl_certfile, or unix:///path"
            yield _error(number, setting, problem, accepted)


def _is_open_redis(url: str) -> bool:
    """Whether the URL is of a Redis server on the network, without a password or client certificate."""
    parts = urlsplit(url)
    if parts.scheme not in ("redis", "rediss"):
        return False
    query = parse_qs(parts.query)
    return not (parts.password or query.get("password") or query.get("ssl_certfile"))


def refuse_when_unsafe() -> None:
    """Run the checks of this module. A process without a management command calls it too.

    Raises:
        ConfigurationError: settings are wrong; the message names each one and what is accepted.
    """
    serious = [found for found in checks.run_checks(tags=[TAG]) if found.is_serious()]
    if serious:
        raise ConfigurationError(
            "; ".join(f"{found.msg} ({found.hint})" if found.hint else found.msg for found in serious)
        )
