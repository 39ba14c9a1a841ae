"""Staff come through the provider, without a local password, and their groups say what they may do."""

from collections.abc import Iterator

import pytest

from tests.support.services import free_port
from tests.support.site import IdentityProvider, Site, Visitor

pytestmark = [pytest.mark.redis, pytest.mark.timeout(180)]

OPERATOR_PASSWORD = "another horse, another staple"


@pytest.fixture(scope="module")
def site(redis_url: str) -> Iterator[Site]:
    port = free_port()
    users = {
        "DEMO_GROUPS": "desk",
        "DEMO_OPERATOR": "operator",
        "DEMO_OPERATOR_PASSWORD": OPERATOR_PASSWORD,
        "DEMO_OPERATOR_GROUPS": "/night shift,heads",
    }
    groups = {"OIDC_STAFF_GROUP": "desk", "OIDC_OPERATORS_GROUP": "night shift"}
    with (
        IdentityProvider(port, **users) as provider,
        Site(redis_url=redis_url, oidc_url=provider.url, port=port, **groups) as server,
    ):
        yield server


async def test_a_viewer_and_an_operator_enter_the_control_plane_through_the_provider(site: Site) -> None:
    async with Visitor() as viewer:
        await viewer.log_in(site.url, page="/admin/control_plane/auditentry/")
        assert (viewer.status, viewer.url.path) == (200, "/admin/control_plane/auditentry/")
        assert "demo" in viewer.page
        await viewer.open(f"{site.url}/admin/usersessions/usersession/")
        assert 'value="delete_selected"' not in viewer.page
    async with Visitor() as operator:
        await operator.log_in(site.url, OPERATOR_PASSWORD, user="operator", page="/admin/")
        assert (operator.status, operator.url.path) == (200, "/admin/")
        assert "Control plane" in operator.page
        await operator.open(f"{site.url}/admin/control_plane/auditentry/?q=operator")
        assert "roles changed" in operator.page, "the role that the login gave is in the audit"
        assert '<td class="field-who">login</td>' in operator.page
        await operator.open(f"{site.url}/admin/usersessions/usersession/")
        assert 'value="delete_selected"' in operator.page
