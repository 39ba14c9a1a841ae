"""A real site whose login leads to the scripted identity provider, and what tests ask about its database."""

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from tests.support.scripted_identity_provider import ScriptedIdentityProvider
from tests.support.site import Site, Visitor

STAFF_PASSWORD: Final = "a local password of staff"


def login_site(redis_url: str, provider: ScriptedIdentityProvider, **settings: str) -> Site:
    """A site that lets `example.com` in and reads groups as Keycloak sends them."""
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
    """What the site's database answers."""
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
    """How many users, identities and addresses there are: a login that fails changes none."""
    return (
        count(site, "accounts_user"),
        count(site, "socialaccount_socialaccount"),
        count(site, "account_emailaddress"),
    )


def make_local_staff(site: Site, name: str) -> None:
    """A superuser with a local password."""
    program = (
        "from mdp_site.accounts.models import User;"
        f"User.objects.create_superuser({name!r}, password={STAFF_PASSWORD!r})"
    )
    site.manage("shell", "--no-imports", "-c", program)


async def attempt(visitor: Visitor, site: Site, page: str = "/") -> Visitor:
    """Ask for a page of the site and, where that leads to the login, go on to the provider and back."""
    await visitor.open(f"{site.url}{page}")
    assert visitor.url.path in ("/accounts/login/", "/admin/login/"), visitor.url
    return await visitor.send_form()


def has_entered(visitor: Visitor) -> bool:
    """Whether the visitor sees a page of the site as somebody."""
    return visitor.status == 200 and 'class="user-name"' in visitor.page
