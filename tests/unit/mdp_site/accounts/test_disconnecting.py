"""An operator ends the connections of a user: all that are open, once, and of nobody else."""

import contextlib
from collections.abc import AsyncIterator

import pytest

from mdp_site.accounts import login_service
from mdp_site.accounts.login_service import LoginService
from mdp_site.accounts.standings import Credential, Standing, Way
from tests.support.logins import RecordingFollower
from widgets.viewer import LoginEnd

ADA, BERT = 1, 2


def standing(user_id: int, number: int) -> Standing:
    credential = Credential(Way.TOKEN, f"{user_id}:{number}")
    return Standing(credential, user_id, f"user{user_id}", True, frozenset({"boards"}))


@pytest.fixture
async def service() -> AsyncIterator[LoginService]:
    service = LoginService(look_seconds=3_600.0)
    yield service
    await service.stop()


def follow(held: contextlib.ExitStack, service: LoginService, user_id: int, number: int) -> RecordingFollower:
    follower = RecordingFollower()
    held.enter_context(service.connection(standing(user_id, number))).follow(follower)
    return follower


@pytest.mark.parametrize("at_once", [1, 500])
@pytest.mark.parametrize("reason", [LoginEnd.DISCONNECTED, LoginEnd.LOGGED_OUT])
async def test_all_connections_of_the_user_end_once_with_the_reason(
    service: LoginService, monkeypatch: pytest.MonkeyPatch, at_once: int, reason: LoginEnd
) -> None:
    monkeypatch.setattr(login_service, "ENDED_AT_ONCE", at_once)
    with contextlib.ExitStack() as held:
        of_ada = [follow(held, service, ADA, number % 2) for number in range(5)]
        of_bert = follow(held, service, BERT, 0)
        assert await service.disconnect(ADA, reason) == 5
        assert [each.ends for each in of_ada] == [[reason]] * 5
        assert of_bert.ends == []
        assert await service.disconnect(ADA, reason) == 0
        assert [each.ends for each in of_ada] == [[reason]] * 5
        back = follow(held, service, ADA, 0)
        assert back.ends == []
    assert await service.disconnect(ADA, reason) == 0


async def test_a_connection_that_an_operator_ended_is_not_ended_again_by_a_look(
    service: LoginService,
) -> None:
    with service.connection(standing(ADA, 0)) as login:
        follower = RecordingFollower()
        login.follow(follower)
        await service.disconnect(ADA, LoginEnd.DISCONNECTED)
        login.update(None)
        assert follower.ends == [LoginEnd.DISCONNECTED]
        assert login.permissions == frozenset()
