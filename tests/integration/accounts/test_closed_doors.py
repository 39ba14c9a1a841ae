"""Who is not logged in reaches the login and `/healthz`: every address of the site is tried.

`tests/integration/api` does the same for the API, with every kind of login.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

pytestmark = pytest.mark.django_db

ARGUMENT: Final = re.compile(r"<(?:\w+:)?\w+>")
GROUP: Final = re.compile(r"\(\?P<\w+>[^)]*\)")
EXAMPLES: Final = ("listener", "stop", "1", "00000000-0000-0000-0000-000000000001", "top_gainers")
"""Values for the arguments of addresses: names of things that exist, numbers, and identities."""

API: Final = "/api/v1/"
STRANGER: Final = "203.0.113.9"
REFUSALS: Final = frozenset({400, 401, 403, 404, 405, 410, 415, 422, 429})
LOGIN: Final = re.compile(r"^/(accounts|admin)/login/")


def addresses(patterns: Sequence[URLPattern | URLResolver], before: str = "/") -> Iterator[str]:
    """Every address of the site, with each example for its arguments."""
    for each in patterns:
        text = before + str(each.pattern).removeprefix("^").removesuffix("$").removesuffix(r"\Z")
        if isinstance(each, URLResolver):
            yield from addresses(each.url_patterns, text)
        elif ARGUMENT.search(text):
            yield from (ARGUMENT.sub(example, text) for example in EXAMPLES)
        else:
            yield GROUP.sub("1", text).replace("\\", "")


def is_closed(status: int, target: str) -> bool:
    """Whether an answer refuses a visitor, or sends him to the login."""
    return status in REFUSALS or (status in {301, 302} and LOGIN.match(target) is not None)


def test_a_visitor_without_a_login_reaches_nothing_but_login_and_health() -> None:
    visitor = Client(REMOTE_ADDR=STRANGER, raise_request_exception=False)
    known = set(addresses(get_resolver().url_patterns))
    tried = sorted(each for each in known if not each.startswith(API))
    assert len(tried) > 100
    reached = {
        (method, address): (answer.status_code, target)
        for address in tried
        for method in METHODS
        for answer in [visitor.generic(method, address)]
        for target in [answer.headers.get("Location", "")]
        if not is_closed(answer.status_code, target)
    }
    assert reached == OPEN


METHODS: Final = ("GET", "POST", "PUT", "DELETE")
OPEN: Final = {
    ("GET", "/healthz"): (200, ""),
    ("GET", "/readyz"): (200, ""),
    ("GET", "/accounts/login/"): (200, ""),
    ("GET", "/accounts/inactive/"): (200, ""),
    **{(method, "/favicon.ico"): (302, "/static/widgets/favicon.svg") for method in METHODS},
    **{(method, "/admin/logout/"): (302, "/admin/") for method in METHODS},
}
"""What is open to all.

`/readyz` names what is unavailable, without reasons. A login of somebody who was deactivated ends at
`/accounts/inactive/`. The icon is a static file. Who is logged out is sent on to the admin's login.
"""
