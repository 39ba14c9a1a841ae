"""A real site whose login uses the scripted identity provider, and queries of its database."""

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from tests.support.scripted_identity_provider import ScriptedIdentityProvider
from tests.support.site import Site, Visitor

STAFF_PASSWORD: Final = "a local password of staff"


def login_site(redis_url: str, provider: ScriptedIdentityProvider, **settings: str) -> Site:
    """A site that accepts addresses of `example.com`, and reads groups as Keycloak sends them."""
    wanted: dict[str, Any] = {
        "OIDC_ALLOWED_DOMAINS": "example.com,straße.example",
        "OIDC_GROUPS_CLAIM": "realm_access.roles",
        "OIDC_STAFF_GROUP": "desk",
        "OIDC_OPERATORS_GROUP": "operators",
        "OIDC_TIMEOUT_SECONDS": "2",
        "LOG_FORMAT": "json",
    }
    return Site(redis_url=redis_url, oidc_url=provider.url, **(wanted | settings))


def rows(site: Site, query: str, *values: Any) -> list[Sequence[Any]]:
    """The result of a query of the site's database."""
    connection = sqlite3.connect(site.directory / "state" / "db.sqlite3", timeout=20)
    try:
        return connection.execute(query, values).fetchall()
    finally:
        connection.close()


def count(site: Site, table: str) -> int:
    """The number of rows of a table."""
    number: int = rows(site, f"SELECT count(*) FROM {table}")[0][0]  # noqa: S608 - the tests' own words
    return number


def accounts(site: Site) -> tuple[int, int, int]:
    """The numbers of users, identities and e-mail addresses. A login that fails must not change them."""
    return (
        count(site, "accounts_user"),
        count(site, "socialaccount_socialaccount"),
        count(site, "account_emailaddress"),
    )


def make_local_staff(site: Site, name: str) -> None:
    """Create a superuser with a local password."""
    program = (
        "from mdp_site.accounts.models import User;"
        f"User.objects.create_superuser({name!r}, password={STAFF_PASSWORD!r})"
    )
    site.manage("shell", "--no-imports", "-c", program)


async def attempt(visitor: Visitor, site: Site, page: str = "/") -> Visitor:
    """Open a page of the site, which must redirect to the login, and log in through the provider."""
    await visitor.open(f"{site.url}{page}")
    assert visitor.url.path in ("/accounts/login/", "/admin/login/"), visitor.url
    return await visitor.send_form()


def has_entered(visitor: Visitor) -> bool:
    """Whether the visitor sees a page of the site as a logged-in user."""
    return visitor.status == 200 and 'class="user-name"' in visitor.page
