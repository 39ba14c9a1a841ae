"""Each login, logout and refusal has its line in the log, with where it came from and no secret."""

from collections.abc import Iterator
from typing import Any

import pytest
from allauth.account.adapter import get_adapter
from django.contrib.auth import get_user_model
from django.test import Client, RequestFactory
from django.urls import reverse
from pytest_django import Settings
from structlog.testing import capture_logs

from marketdata.observability.log_budget import INTERVAL_SECONDS, MAX_ENTRIES, LogBudget
from mdp_site.accounts import journal
from mdp_site.accounts.journal import note_refusal, refused_logins
from mdp_site.accounts.oidc.claims import Identity
from mdp_site.accounts.oidc.failures import AnswerRefused, IdentityProviderUnavailable
from mdp_site.accounts.oidc.pages import login_cancelled, login_failed, not_on_the_list
from tests.support.manual_clock import ManualClock

PASSWORD = "correct horse battery staple"
FROM = "203.0.113.9"
Lines = list[Any]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    clock = ManualClock()
    monkeypatch.setattr(journal, "_budget", LogBudget(clock))
    return clock


@pytest.fixture
def lines(clock: ManualClock, settings: Settings) -> Iterator[Lines]:
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "journal"}
    }
    with capture_logs() as written:
        yield written


def client(**options: Any) -> Client:
    return Client(REMOTE_ADDR=FROM, **options)


def try_password(name: str, password: str = PASSWORD) -> Client:
    visitor = client()
    visitor.post(reverse("admin:login"), {"username": name, "password": password, "next": "/admin/"})
    return visitor


def entries_of(lines: Lines, event: str) -> Lines:
    return [line for line in lines if line["event"] == event]


@pytest.mark.django_db
def test_a_login_and_a_logout_are_told_with_user_and_address(lines: Lines) -> None:
    root = get_user_model().objects.create_superuser("root", password=PASSWORD)
    try_password("root").post(reverse("account_logout"))

    for event in ("logged in", "logged out"):
        assert entries_of(lines, event) == [
            {"event": event, "log_level": "info", "outcome": "succeeded", "user_id": root.pk, "address": FROM}
        ]
    assert entries_of(lines, "login refused") == []


@pytest.mark.django_db
def test_a_refused_password_is_told_with_its_reason_and_without_what_was_typed(lines: Lines) -> None:
    get_user_model().objects.create_superuser("root", password=PASSWORD)
    trader = get_user_model().objects.create_user("trader", password=PASSWORD)
    try_password("typed-name", "typed-password")
    try_password("trader")
    for _ in range(12):
        try_password("root", "typed-password")

    refused = entries_of(lines, "login refused")
    assert {(line["outcome"], line["address"], line["step"]) for line in refused} == {
        ("refused", FROM, "password")
    }
    assert [line["reason"] for line in refused[:2]] == ["wrong name or password", "no active member of staff"]
    assert refused[1]["user_id"] == trader.pk
    assert refused[-1]["reason"] == "too many failed attempts"
    assert "typed" not in repr(lines)


def test_a_login_through_the_provider_that_fails_is_told_without_claims(
    lines: Lines, rf: RequestFactory
) -> None:
    request = rf.get("/", REMOTE_ADDR=FROM)
    ann = Identity(subject="subject-of-ann", email="ann@example.com", email_verified=True)
    unverified = Identity(subject="subject-of-ann", email="ann@example.com", email_verified=False)
    login_failed(request, AnswerRefused("ID token", "its signature is wrong"))
    login_failed(request, IdentityProviderUnavailable("token", "HTTP status 500"))
    refused_before = refused_logins()
    login_cancelled(request)
    assert refused_logins() == refused_before, "a person who does not go on is not refused"
    not_on_the_list(request, ann)
    not_on_the_list(request, unverified)

    assert [(line["event"], line["outcome"], line["step"], line["reason"]) for line in lines] == [
        ("login refused", "refused", "ID token", "its signature is wrong"),
        ("login failed: the identity provider does not serve", "failed", "token", "HTTP status 500"),
        ("login cancelled", "refused", "authorization", "the person did not go on"),
        (
            "login refused",
            "refused",
            "lists",
            "neither OIDC_ALLOWED_EMAILS nor OIDC_ALLOWED_DOMAINS has the address",
        ),
        ("login refused", "refused", "lists", "the provider has not verified the address"),
    ]
    assert {line["address"] for line in lines} == {FROM}
    assert "ann" not in repr(lines)


@pytest.mark.django_db
def test_somebody_whose_account_is_not_active_is_told_by_id(lines: Lines, rf: RequestFactory) -> None:
    user = get_user_model().objects.create_user("gone", is_active=False)
    request = rf.get("/", REMOTE_ADDR="::ffff:203.0.113.9")
    get_adapter().respond_user_inactive(request, user)
    (line,) = lines
    assert (line["reason"], line["user_id"], line["address"]) == ("the account is not active", user.pk, FROM)


def test_an_address_that_is_none_is_told_as_none(lines: Lines, rf: RequestFactory) -> None:
    note_refusal(rf.get("/", REMOTE_ADDR="unknown\nforged line"), step="callback", reason="x" * 5_000)
    (line,) = lines
    assert (line["address"], len(line["reason"])) == (None, journal.MAX_REASON_LENGTH)


def test_a_flood_of_refusals_is_bounded_and_hides_no_other_kind(
    lines: Lines, clock: ManualClock, rf: RequestFactory
) -> None:
    request, refused_before = rf.get("/", REMOTE_ADDR=FROM), refused_logins()
    for _ in range(MAX_ENTRIES + 50):
        note_refusal(request, step="callback", reason="made up")
    assert len(lines) == MAX_ENTRIES
    assert refused_logins() - refused_before == MAX_ENTRIES + 50, "those without a line are counted, too"
    note_refusal(request, step="password", reason="wrong name or password")
    assert len(lines) == MAX_ENTRIES + 1

    clock.advance(INTERVAL_SECONDS)
    note_refusal(request, step="callback", reason="made up")
    assert lines[-1]["similar_kept_back"] == 50
