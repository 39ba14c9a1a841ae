"""A web process checks what an instruction asks for: anybody who has the cache may have written it."""

from typing import Any

import pytest

from marketdata.control import InvalidSettings
from marketdata.errors import MarketDataError
from mdp_site.accounts.login_service import LoginService
from mdp_site.control_plane.actions.declared import ByProcesses
from mdp_site.control_plane.actions.registry import ACTIONS
from mdp_site.web_instructions import web_handlers
from mdp_site.web_settings import WEB
from tests.support.logins import make_user_async
from tests.unit.widgets.hub.hub_rig import HubRig

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def rig() -> HubRig:
    return HubRig()


def test_a_web_process_knows_the_actions_that_web_processes_carry_out_and_no_others(rig: HubRig) -> None:
    declared = {
        name
        for name, action in ACTIONS.items()
        if isinstance(action.work, ByProcesses) and action.service(None) == WEB
    }
    assert set(web_handlers(rig.hub, LoginService())) == declared


@pytest.mark.parametrize(
    ("action", "values"),
    [
        ("resync_clients", {"feed": 7}),
        ("resync_clients", {"feed": "x" * 101}),
        ("resync_clients", {"colour": "red"}),
        ("disconnect_user", {}),
        ("disconnect_user", {"user": None}),
        ("disconnect_user", {"user": "ada", "ends_logins": "perhaps"}),
    ],
)
async def test_arguments_that_are_not_accepted_are_refused(
    rig: HubRig, action: str, values: dict[str, Any]
) -> None:
    with pytest.raises(InvalidSettings):
        await web_handlers(rig.hub, LoginService())[action](values)


async def test_what_was_done_is_said_in_words(rig: HubRig) -> None:
    await make_user_async("ada")
    handlers = web_handlers(rig.hub, LoginService())
    assert await handlers["resync_clients"]({}) == "sent 0 snapshots to 0 connections"
    assert await handlers["disconnect_user"]({"user": "ada"}) == "ended 0 connections"
    with pytest.raises(MarketDataError, match="there is no user 'bert'"):
        await handlers["disconnect_user"]({"user": "bert"})
