"""Logins are asked for once, held while they are used, and let go of when they are not."""

import contextlib
from collections.abc import Iterator
from typing import Any, cast

import pytest

from marketdata.clock import SystemClock
from mdp_site.accounts.logins import Login
from mdp_site.accounts.standings import Credential, Standing, Way
from mdp_site.api import held_logins
from mdp_site.api.held_logins import HOLD_SECONDS, HeldLogins
from tests.support.deadlines import eventually
from tests.support.manual_clock import ManualClock


class MemoryLogins:
    """A login service in memory: which credentials are valid, asked for, and open."""

    def __init__(self) -> None:
        self.valid: dict[Credential, bool] = {}
        self.asked: list[Credential] = []
        self.open: dict[Credential, Login] = {}

    async def standing(self, credential: Credential) -> Standing | None:
        self.asked.append(credential)
        may_see = self.valid.get(credential)
        return None if may_see is None else Standing(credential, 1, "ada", may_see, frozenset({"boards"}))

    @contextlib.contextmanager
    def connection(self, standing: Standing) -> Iterator[Login]:
        login = self.open[standing.credential] = Login(standing)
        yield login
        del self.open[standing.credential]


def token(name: str) -> Credential:
    return Credential(Way.TOKEN, name)


@pytest.fixture
def service() -> MemoryLogins:
    return MemoryLogins()


def held_of(service: Any, clock: ManualClock) -> HeldLogins:
    return HeldLogins(service, clock)


async def test_a_login_is_asked_for_once_while_it_is_used(service: MemoryLogins) -> None:
    clock = ManualClock()
    held = held_of(service, clock)
    service.valid[token("a")] = True
    for _ in range(5):
        assert await held.login(token("a")) is service.open[token("a")]
        clock.advance(HOLD_SECONDS - 1)
    assert service.asked == [token("a")]


async def test_a_login_that_is_not_used_is_let_go_of(service: MemoryLogins) -> None:
    clock = ManualClock()
    held = held_of(service, clock)
    service.valid = {token("a"): True, token("b"): True}
    await held.login(token("a"))
    clock.advance(HOLD_SECONDS + 1)
    await held.login(token("b"))
    assert service.open.keys() == {token("b")}


async def test_a_login_is_let_go_of_also_when_nobody_asks_any_more(
    service: MemoryLogins, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_logins, "HOLD_SECONDS", 0.02)
    held = HeldLogins(cast("Any", service), SystemClock())
    service.valid[token("a")] = True
    await held.login(token("a"))
    assert service.open
    await eventually(lambda: not service.open, 5.0)


async def test_an_ended_login_is_asked_for_again(service: MemoryLogins) -> None:
    held = held_of(service, ManualClock())
    service.valid[token("a")] = True
    login = await held.login(token("a"))
    assert login is not None
    login.update(None)
    del service.valid[token("a")]
    assert await held.login(token("a")) is None
    assert not service.open
    service.valid[token("a")] = True
    again = await held.login(token("a"))
    assert again is service.open[token("a")]
    assert len(service.asked) == 3


async def test_a_login_without_the_right_is_not_held(service: MemoryLogins) -> None:
    held = held_of(service, ManualClock())
    service.valid[token("a")] = False
    login = await held.login(token("a"))
    assert login is not None
    assert not login.standing.may_see_market_data
    assert not service.open


async def test_the_number_of_held_logins_is_bounded(
    service: MemoryLogins, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_logins, "MOST_HELD", 3)
    held = held_of(service, ManualClock())
    for number in range(10):
        service.valid[token(str(number))] = True
        await held.login(token(str(number)))
    assert service.open.keys() == {token("7"), token("8"), token("9")}
