"""The pages of an account are these and no others, and the site's own origin is never a stranger."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver
from pytest_django import Settings

from mdp_site.accounts.oidc.groups import take_over_roles
from mdp_site.accounts.roles import ADMINISTRATORS, OPERATORS, VIEWERS
from mdp_site.dev.demo.environment import Ports, build_environment
from mdp_site.origins import public_origin

ROOT = Path(__file__).resolve().parents[4]


def routes(under: str = "", patterns: Any = None) -> set[str]:
    found = set()
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        address = under + str(entry.pattern)
        if isinstance(entry, URLResolver):
            found |= routes(address, entry.url_patterns)
        elif isinstance(entry, URLPattern):
            found.add(address)
    return found


def test_the_routes_of_the_site_are_those_that_it_offers() -> None:
    """Those of the API are held by its document: `tests/integration/api/test_access.py`."""
    assert {route for route in routes() if not route.startswith(("admin/", "api/v1/"))} == {
        "api/",
        "",
        "asyncapi.json",
        "favicon.ico",
        "healthz",
        "readyz",
        "metrics",
        "accounts/login/",
        "accounts/logout/",
        "accounts/inactive/",
        "accounts/sessions/",
        "accounts/socket-token/",
        "accounts/tokens/",
        "accounts/tokens/<int:token_id>/revoke/",
        "accounts/oidc/oidc/login/",
        "accounts/oidc/oidc/login/callback/",
    }


def test_the_admin_has_no_second_place_for_providers_and_shows_no_session_keys() -> None:
    shown = {model._meta.label_lower for model in admin.site._registry}
    left_over = {"account.emailaddress", "socialaccount.socialapp", "socialaccount.socialtoken"}
    assert not shown & left_over
    assert {"usersessions.usersession", "socialaccount.socialaccount"} <= shown
    for model, page in admin.site._registry.items():
        names = {*(page.fields or ()), *page.list_display, *page.readonly_fields}
        assert "session_key" not in names, model


@pytest.mark.django_db
def test_roles_have_their_permissions_after_a_migration() -> None:
    permissions = {
        role: set(Group.objects.get(name=role.name).permissions.values_list("codename", flat=True))
        for role in (VIEWERS, OPERATORS)
    }
    assert permissions[OPERATORS] - permissions[VIEWERS] == {"change_apitoken", "delete_usersession"}
    assert all(codename.startswith("view_") for codename in permissions[VIEWERS])
    assert {"view_apitoken", "view_user", "view_usersession", "view_schedule"} <= permissions[VIEWERS]


@pytest.mark.django_db
def test_roles_come_and_go_with_groups_and_leave_other_groups_alone(settings: Settings) -> None:
    settings.OIDC_STAFF_GROUP, settings.OIDC_OPERATORS_GROUP = "/desk", "operators"
    user = get_user_model().objects.create_user("ann")
    user.groups.add(Group.objects.create(name="local"))

    def rights() -> tuple[bool, set[str]]:
        user.refresh_from_db()
        return user.is_staff, set(user.groups.values_list("name", flat=True))

    take_over_roles(user, ["desk"])
    assert rights() == (True, {"local", VIEWERS.name})
    take_over_roles(user, ["operators"])
    assert rights() == (True, {"local", OPERATORS.name})
    take_over_roles(user, None)
    assert rights() == (True, {"local", OPERATORS.name})
    take_over_roles(user, [])
    assert rights() == (False, {"local"})
    settings.OIDC_ADMINISTRATORS_GROUP = "heads"
    take_over_roles(user, ["operators", "heads"])
    assert rights() == (True, {"local", OPERATORS.name, ADMINISTRATORS.name})
    take_over_roles(user, ["another"])
    assert rights() == (False, {"local"})
    settings.OIDC_STAFF_GROUP = settings.OIDC_OPERATORS_GROUP = settings.OIDC_ADMINISTRATORS_GROUP = ""
    user.is_staff = True
    user.save()
    take_over_roles(user, [])
    assert rights() == (True, {"local"})


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("host", "secure", "origin", "status"),
    [
        ("scanner.example.com", True, "https://scanner.example.com", 302),
        ("scanner.example.com:443", True, "https://scanner.example.com", 302),
        ("SCANNER.example.com", True, "https://scanner.example.com", 302),
        ("scanner.example.com:443", False, "https://scanner.example.com", 302),
        ("scanner.example.com:443", True, "https://evil.example", 403),
        ("scanner.example.com", True, "null", 403),
        ("scanner.example.com", True, "https://[", 403),
    ],
)
def test_a_form_of_the_site_is_accepted_whatever_host_a_proxy_passes_on(
    settings: Settings, host: str, secure: bool, origin: str, status: int
) -> None:
    settings.ALLOWED_HOSTS = ["scanner.example.com"]
    settings.CSRF_TRUSTED_ORIGINS = ["https://scanner.example.com"]
    client = Client(enforce_csrf_checks=True)
    client.cookies["mdp_csrf"] = token = "t" * 32
    answer = client.post(
        "/accounts/logout/", headers={"host": host, "origin": origin, "x-csrftoken": token}, secure=secure
    )
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("site", "host", "secure", "origin"),
    [
        ("https://scanner.example.com", "scanner.example.com", True, "https://scanner.example.com"),
        ("https://scanner.example.com", "scanner.example.com:443", False, "https://scanner.example.com"),
        ("http://127.0.0.1:8000/", "127.0.0.1:8000", False, "http://127.0.0.1:8000"),
        ("http://127.0.0.1:8000/", "LocalHost:8000", False, "http://localhost:8000"),
    ],
)
def test_the_provider_sends_the_browser_back_to_where_it_sees_the_site(
    settings: Settings, site: str, host: str, secure: bool, origin: str
) -> None:
    settings.SITE_URL, settings.ALLOWED_HOSTS = site, ["*"]
    assert public_origin(RequestFactory().get("/", headers={"host": host}, secure=secure)) == origin


def test_the_origin_of_site_url_is_trusted_where_it_was_given() -> None:
    program = "from django.conf import settings; print(settings.CSRF_TRUSTED_ORIGINS)"
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "mdp_site.settings",
        "SITE_URL": "https://Scanner.Example.com:443/",
        "CSRF_TRUSTED_ORIGINS": "https://other.example",
    }
    printed = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert printed.strip() == "['https://other.example', 'https://scanner.example.com']"


@pytest.mark.parametrize(
    ("address", "sources"),
    [("", ["'self'"]), ("wss://feeds.example.com/ws/", ["'self'", "wss://feeds.example.com/ws/"])],
)
def test_a_page_may_connect_to_its_site_and_to_its_socket_and_to_nothing_else(
    address: str, sources: list[str]
) -> None:
    program = (
        "from django.conf import settings;"
        "print(settings.CONTENT_SECURITY_POLICY['DIRECTIVES']['connect-src'])"
    )
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "mdp_site.settings", "WDS_URL": address}
    printed = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert printed.strip() == repr(sources)


def test_one_user_of_the_demo_sees_the_control_plane_and_another_one_steers(tmp_path: Path) -> None:
    ports = Ports(8000, 8001, 9400, 6390, 9401, 4200, 4201, 4205)
    environment = build_environment({}, ports, {"CACHE_PASSWORD": "a"}, tmp_path)
    assert environment["DEMO_GROUPS"].split(",") == [environment["OIDC_STAFF_GROUP"]]
    assert environment["DEMO_OPERATOR_GROUPS"].split(",") == [environment["OIDC_OPERATORS_GROUP"]]
    assert environment["OIDC_STAFF_GROUP"] != environment["OIDC_OPERATORS_GROUP"]
