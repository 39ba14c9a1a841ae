"""What the tests of logins start from: a real site in front of an identity provider that can be bent."""

import secrets
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.login_site import login_site
from tests.support.scripted_identity_provider import ScriptedIdentityProvider
from tests.support.site import Site, Visitor


@pytest.fixture(scope="module")
def unserved() -> ScriptedIdentityProvider:
    """The provider that the site knows; it serves while a test asks for `provider`."""
    return ScriptedIdentityProvider()


@pytest.fixture(scope="module")
def site(redis_url: str, unserved: ScriptedIdentityProvider) -> Iterator[Site]:
    """The site, with logins through the provider."""
    with login_site(redis_url, unserved) as server:
        yield server


@pytest.fixture
async def provider(unserved: ScriptedIdentityProvider) -> AsyncIterator[ScriptedIdentityProvider]:
    """The provider, serving as it should, with a person whom the site does not know yet."""
    unserved.reset()
    unserved.person["sub"] = secrets.token_hex(8)
    async with unserved:
        yield unserved


@pytest.fixture
async def visitor() -> AsyncIterator[Visitor]:
    """A browser without a session."""
    async with Visitor() as one:
        yield one
