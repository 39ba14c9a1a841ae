"""Who is not logged in reaches the login and `/healthz`: every address of the site is tried."""

import re
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from http.client import HTTPResponse
from typing import Any, Final

from django.urls import URLPattern, URLResolver, get_resolver

from tests.support.whole_platform import WholePlatform

ARGUMENT: Final = re.compile(r"<(?:\w+:)?\w+>")
EXAMPLES: Final = ("listener", "1", "00000000-0000-0000-0000-000000000001")
"""Values for the arguments of addresses: names, numbers, and identities."""

REFUSALS: Final = frozenset({401, 403, 404, 405, 410})
LOGIN: Final = re.compile(r"^(http://127\.0\.0\.1:\d+)?/(accounts/login|admin/login)/")


class _Stays(urllib.request.HTTPRedirectHandler):
    """Follows no redirect."""

    def redirect_request(self, *_arguments: Any, **_options: Any) -> None:
        return None


_OPENER: Final = urllib.request.build_opener(_Stays)


def addresses(patterns: Sequence[URLPattern | URLResolver], before: str = "") -> Iterator[str]:
    """Every address of the site, with examples for its arguments."""
    for each in patterns:
        text = before + str(each.pattern).removeprefix("^").removesuffix("$").removesuffix("\\Z")
        if isinstance(each, URLResolver):
            yield from addresses(each.url_patterns, text)
        elif ARGUMENT.search(text):
            yield from (ARGUMENT.sub(example, text) for example in EXAMPLES)
        else:
            yield re.sub(r"\(\?P<\w+>[^)]*\)|\\", "1", text)


def answer(url: str, method: str) -> tuple[int, str]:
    """The status of an answer, and where it sends the visitor."""
    data = b"" if method == "POST" else None
    request = urllib.request.Request(url, method=method, data=data)  # noqa: S310 - our own address
    try:
        response: HTTPResponse = _OPENER.open(request, timeout=20)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers.get("Location", "")
    with response:
        return response.status, response.headers.get("Location", "")


def is_closed(status: int, target: str) -> bool:
    """Whether an answer refuses a visitor, or sends him to the login."""
    return status in REFUSALS or (status == 302 and LOGIN.match(target) is not None)


def test_an_anonymous_visitor_reaches_nothing_but_login_and_health(platform: WholePlatform) -> None:
    tried = sorted(set(addresses(get_resolver().url_patterns)))
    assert len(tried) > 100
    reached = {
        (method, address): (status, target)
        for address in tried
        for method in ("GET", "POST")
        for status, target in [answer(f"{platform.url}/{address}", method)]
        if not is_closed(status, target)
    }
    assert reached == OPEN


OPEN: Final = {
    ("GET", "healthz"): (200, ""),
    ("GET", "readyz"): (200, ""),
    ("GET", "accounts/login/"): (200, ""),
    ("GET", "favicon.ico"): (302, "/static/widgets/favicon.svg"),
}
"""What is open to all. `/readyz` names what is unavailable, without reasons. The icon is a static file."""
