"""Changes by session need what only a page of the site has; and changes have a limit of their own."""

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings as site_settings
from pytest_django import Settings

from marketdata.store.keys import Keys
from mdp_site.accounts.roles import OPERATORS, VIEWERS
from mdp_site.control_plane.models import AuditEntry, Revision
from mdp_site.web_settings import WebSettings
from tests.support.api_site import ApiSite, api_site
from tests.support.operators import member_of
from tests.support.widget_site import WidgetSite, logged_in, use_layer

pytestmark = [pytest.mark.redis, pytest.mark.django_db(transaction=True)]

SECRET = "c" * 32
WISH = {"settings": {"log_level": "WARNING"}}
PATH = "/services/web"


@sync_to_async
def refusals() -> list[tuple[str, str]]:
    """Who was refused, and why, the oldest first."""
    found = AuditEntry.objects.filter(service="api").order_by("pk")
    return [(each.who, each.result) for each in found]


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ({}, "has no Origin"),
        ({"X_CSRFToken": SECRET}, "has no Origin"),
        ({"Origin": "https://elsewhere.example", "X_CSRFToken": SECRET}, "Origin checking failed"),
        ({"Origin": "null", "X_CSRFToken": SECRET}, "Origin checking failed"),
        ({"Origin": "own"}, "CSRF token"),
        ({"Origin": "own", "X_CSRFToken": "d" * 32}, "CSRF token"),
    ],
)
async def test_a_forged_change_is_refused_and_in_the_audit(
    api: ApiSite, headers: dict[str, str], says: str
) -> None:
    await sync_to_async(member_of)(OPERATORS, "ann")
    session = await logged_in("ann", is_staff=True)
    cookies = f"{site_settings.SESSION_COOKIE_NAME}={session}; {site_settings.CSRF_COOKIE_NAME}={SECRET}"
    sent = {name: api.site.origin if value == "own" else value for name, value in headers.items()}
    browser = api.client(Cookie=cookies)
    answer = await browser.send("PATCH", PATH, WISH, If_Match="*", **sent)
    assert (answer.status, answer.json["code"]) == (403, "forged")
    assert says in answer.json["detail"]
    assert not await sync_to_async(Revision.objects.exists)()
    [(who, result)] = await refusals()
    assert who == "ann"
    assert says in result
    assert (await browser.get(PATH)).status == 200, "a session may read without a token of the page"


async def test_a_page_of_the_site_may_change(api: ApiSite) -> None:
    await sync_to_async(member_of)(OPERATORS, "ann")
    answer = await (await api.page("ann")).send("PATCH", PATH, WISH, If_Match="*")
    assert answer.status == 202
    assert answer.json["who"] == "ann"


async def test_what_a_viewer_tries_is_refused_and_in_the_audit_once(api: ApiSite) -> None:
    viewer = await api.program("vic", "control", "read:operations", role=VIEWERS)
    for _ in range(3):
        answer = await viewer.send("PATCH", PATH, WISH, If_Match="*")
        assert (answer.status, answer.json["code"]) == (403, "missing_scope")
    assert [who for who, _ in await refusals()] == ["vic"]


async def test_changes_have_a_limit_of_their_own(settings: Settings, redis_url: str, keys: Keys) -> None:
    use_layer(settings, redis_url, keys.prefix)
    limits = WebSettings(api_changes_per_second=0.5, api_burst_seconds=4)
    async with WidgetSite(redis_url, keys, limits=limits) as site, api_site(site) as api:
        operator = await api.operator()
        question = {"arguments": {"service": "listener"}}
        answers = [await operator.send("POST", "/actions/stop/impact", question) for _ in range(4)]
        assert [answer.status for answer in answers] == [200, 200, 429, 429]
        assert answers[0].headers["RateLimit-Policy"] == '"changes";q=2;w=4'
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 4
        assert (await operator.get(PATH)).status == 200
        assert len(await refusals()) == 1
