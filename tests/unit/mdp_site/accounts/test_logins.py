"""What a connection is told when its login changes, and that a look lets no ended login stay open."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.utils import timezone
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from mdp_site.accounts import login_service, notices, roles
from mdp_site.accounts.login_service import LoginService
from mdp_site.accounts.logins import Login, OpenLogins
from mdp_site.accounts.models import ApiToken, User
from mdp_site.accounts.roles import Right, Role
from mdp_site.accounts.standings import Credential, Standing, Way
from tests.support.deadlines import eventually
from tests.support.logins import (
    RecordingFollower,
    end_session,
    make_user,
    make_user_async,
    session_of,
    standing_of,
    token_by,
    token_of,
)  # fmt: skip
from tests.support.manual_clock import ManualClock
from widgets.viewer import LoginEnd

BY_SESSION = Standing(Credential(Way.SESSION, "k" * 32), 1, "ann", True, frozenset({"boards", "status"}))
NARROWER = Standing(Credential(Way.SESSION, "k" * 32), 1, "ann", True, frozenset({"status"}))
NO_RIGHT = Standing(Credential(Way.SESSION, "k" * 32), 1, "ann", False, frozenset())
OF_ANOTHER = Standing(Credential(Way.SESSION, "k" * 32), 2, "bob", True, frozenset({"boards", "status"}))


@pytest.mark.parametrize(
    ("found", "end"),
    [(None, LoginEnd.LOGGED_OUT), (OF_ANOTHER, LoginEnd.LOGGED_OUT), (NO_RIGHT, LoginEnd.NO_RIGHT)],
    ids=["not valid", "of another user", "no right"],
)
def test_a_connection_is_told_once_that_its_login_has_ended_and_why(
    found: Standing | None, end: LoginEnd
) -> None:
    login, follower = Login(BY_SESSION), RecordingFollower()
    login.follow(follower)
    for standing in (BY_SESSION, found, None, BY_SESSION):
        login.update(standing)
    assert (follower.ends, follower.permissions) == ([end], [])
    assert login.permissions == frozenset()


def test_a_connection_that_follows_after_the_end_is_told_at_once() -> None:
    login, follower = Login(BY_SESSION), RecordingFollower()
    login.update(None)
    login.follow(follower)
    assert follower.ends == [LoginEnd.LOGGED_OUT]


def test_a_connection_is_told_its_new_permissions_and_stays() -> None:
    login, follower = Login(BY_SESSION), RecordingFollower()
    login.follow(follower)
    for standing in (NARROWER, NARROWER, BY_SESSION):
        login.update(standing)
    assert (follower.ends, follower.permissions) == ([], [NARROWER.permissions, BY_SESSION.permissions])


def test_a_connection_that_fails_when_it_is_told_does_not_keep_others_open() -> None:
    class Broken(RecordingFollower):
        def on_login_ended(self, end: LoginEnd) -> None:
            raise RuntimeError("a defect")

    logins = OpenLogins()
    followers = [Broken(), RecordingFollower(), Broken(), RecordingFollower()]
    with contextlib.ExitStack() as stack:
        for follower in followers:
            stack.enter_context(logins.held(BY_SESSION)).follow(follower)
        assert logins.update([BY_SESSION.credential], {}) == 4
    assert [len(follower.ends) for follower in followers] == [0, 1, 0, 1]


def test_a_connection_that_is_gone_is_not_asked_for() -> None:
    logins = OpenLogins()
    with logins.held(BY_SESSION), logins.held(BY_SESSION):
        assert logins.credentials() == [BY_SESSION.credential]
        assert logins.credentials_of([1, 2]) == [BY_SESSION.credential]
    assert logins.credentials() == logins.credentials_of([1]) == []


# --- The service --------------------------------------------------------------------------------------------


class LayerAway:
    """A channel layer that cannot be reached."""

    async def new_channel(self, prefix: str) -> str:
        raise ConnectionError("the layer is away")

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        raise ConnectionError("the layer is away")


@contextlib.asynccontextmanager
async def running(*, look_seconds: float = 3_600.0, **options: Any) -> AsyncIterator[LoginService]:
    service = LoginService(look_seconds=look_seconds, **options)
    try:
        yield service
    finally:
        await service.stop()


async def open_connection(
    stack: contextlib.ExitStack, service: LoginService, credential: Credential
) -> RecordingFollower:
    standing = await service.standing(credential)
    assert standing is not None
    follower = RecordingFollower()
    stack.enter_context(service.connection(standing)).follow(follower)
    return follower


SUBSCRIBERS = Role("subscribers", rights=frozenset({Right.MARKET_DATA}), feeds=frozenset({"boards"}))
TRADERS = Role("traders", feeds=frozenset({"trades"}))
ALL_USERS = Role("users", feeds=frozenset({"status"}))


class People:
    """Two users, each with two sessions and two tokens, and what should hold for each login."""

    def __init__(self) -> None:
        number = User.objects.count()
        self.users = [make_user(f"user{number}"), make_user(f"user{number + 1}")]
        groups = [Group.objects.get_or_create(name=role.name)[0] for role in (SUBSCRIBERS, TRADERS)]
        for user in self.users:
            user.groups.set(groups)
        self.logins = {login_of(user): user for user in self.users
                       for login_of in (session_of, token_of, session_of, token_of)}  # fmt: skip
        self.ended: set[Credential] = set()
        self.inactive: set[int] = set()
        self.groups = {user.pk: {role.name for role in (SUBSCRIBERS, TRADERS)} for user in self.users}
        self.scopes = {login: {"boards", "quotes", "trades", "alerts"} for login in self.logins}

    def expected(self, login: Credential) -> LoginEnd | frozenset[str]:
        """The end of a login, or what it permits. Written without the product's rules."""
        user = self.logins[login]
        if login in self.ended or user.pk in self.inactive:
            return LoginEnd.LOGGED_OUT
        if "subscribers" not in self.groups[user.pk]:
            return LoginEnd.NO_RIGHT
        feeds = {"boards", "trades"} if "traders" in self.groups[user.pk] else {"boards"}
        return frozenset({"status", *(feeds & self.scopes[login])})

    def happen(self, what: str, who: int) -> None:
        """Something ends or changes a login or a user, in the database alone: without signals or notices."""
        login, user = list(self.logins.items())[who % len(self.logins)]
        of_user = {each for each, owner in self.logins.items() if owner == user}
        row = ApiToken.objects.filter(digest=login.key)
        match what:
            case "ends" if login.way is Way.SESSION:
                end_session(login)
                self.ended.add(login)
            case "ends":
                row.update(revoked_at=timezone.now())
                self.ended.add(login)
            case "expires":
                row.update(expires_at=timezone.now())
                Session.objects.filter(session_key=login.key).update(expire_date=timezone.now())
                self.ended.add(login)
            case "is switched off":
                User.objects.filter(pk=user.pk).update(is_active=False)
                self.inactive.add(user.pk)
            case "changes the password":
                User.objects.filter(pk=user.pk).update(password=f"md5$x${who}")
                self.ended |= {each for each in of_user if each.way is Way.SESSION}
            case "leaves subscribers" | "leaves traders":
                name = what.removeprefix("leaves ")
                User.groups.through.objects.filter(user=user, group__name=name).delete()
                self.groups[user.pk].discard(name)
            case "has narrower scopes":
                row.update(scopes="boards")
                self.scopes[login] = {"boards"} if login.way is Way.TOKEN else self.scopes[login]


HAPPENINGS = (
    "ends", "expires", "is switched off", "changes the password", "leaves subscribers", "leaves traders",
    "has narrower scopes",
)  # fmt: skip


@pytest.mark.django_db(transaction=True)
@hypothesis_settings(max_examples=40)
@given(
    rounds=st.lists(
        st.lists(st.tuples(st.sampled_from(HAPPENINGS), st.integers(0, 7)), max_size=3),
        min_size=1,
        max_size=3,
    ),
    layer_is_away=st.booleans(),
)
async def test_after_one_look_no_connection_of_an_ended_login_is_open_and_all_others_are(
    rounds: list[list[tuple[str, int]]], layer_is_away: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as connections:
        patch.setattr(roles, "USERS", ALL_USERS)
        patch.setattr(roles, "GROUP_ROLES", (SUBSCRIBERS, TRADERS))
        if layer_is_away:
            patch.setattr(notices, "get_channel_layer", LayerAway)
        people = await sync_to_async(People)()
        async with running() as service:
            followers = {each: await open_connection(connections, service, each) for each in people.logins}
            seen: dict[Credential, LoginEnd] = {}
            for happenings in rounds:
                for what, who in happenings:
                    await sync_to_async(people.happen)(what, who)
                await service.look()
                for login, follower in followers.items():
                    expected = seen.get(login, people.expected(login))
                    if isinstance(expected, LoginEnd):
                        seen[login] = expected
                        assert follower.ends == [expected]
                    else:
                        assert follower.ends == []
                        permitted = follower.permissions[-1] if follower.permissions else expected
                        assert permitted == expected


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("login_of", [session_of, token_of], ids=["session", "token"])
async def test_looks_go_on_while_the_channel_layer_is_away(
    monkeypatch: pytest.MonkeyPatch, login_of: Callable[[User], Credential]
) -> None:
    monkeypatch.setattr(notices, "get_channel_layer", LayerAway)
    login = await sync_to_async(login_of)(await make_user_async("ann"))
    async with running(look_seconds=0.05) as service:
        with contextlib.ExitStack() as connections:
            follower = await open_connection(connections, service, login)
            await User.objects.all().aupdate(is_active=False)
            await eventually(lambda: follower.ends == [LoginEnd.LOGGED_OUT], 5.0)


@pytest.mark.django_db(transaction=True)
async def test_a_database_that_cannot_be_asked_ends_no_connection_and_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    login = await sync_to_async(token_of)(await make_user_async("ann"))
    async with running() as service:
        with contextlib.ExitStack() as connections:
            follower = await open_connection(connections, service, login)
            with monkeypatch.context() as away:
                away.setattr(login_service, "read_standings", _database_away)
                await service.look()
            assert follower.ends == []
            await ApiToken.objects.all().aupdate(revoked_at=timezone.now())
            await service.look()
            assert follower.ends == [LoginEnd.LOGGED_OUT]


def _database_away(*_: Any) -> Any:
    raise ConnectionError("the database is away")


@pytest.mark.django_db(transaction=True)
async def test_a_notice_makes_a_look_at_once_at_the_user_whom_it_names() -> None:
    login = await sync_to_async(token_of)(await make_user_async("ann"))
    async with running() as service:
        with contextlib.ExitStack() as connections:
            follower = await open_connection(connections, service, login)
            # Again until it is heard: the service may still be on its way into the group of the layer.
            await sync_to_async(_revoke_without_notice)(login)
            async with asyncio.timeout(10.0):
                while not follower.ends:
                    await sync_to_async(notices.announce_change)((await User.objects.aget()).pk)


def _revoke_without_notice(login: Credential) -> None:
    ApiToken.objects.filter(digest=login.key).update(revoked_at=timezone.now())


@pytest.mark.django_db(transaction=True)
async def test_a_notice_about_a_login_that_is_valid_ends_nothing() -> None:
    login = await sync_to_async(session_of)(await make_user_async("ann"))
    async with running() as service:
        with contextlib.ExitStack() as connections:
            follower = await open_connection(connections, service, login)
            user_id = (await User.objects.aget()).pk
            service._hear(user_id)
            assert user_id in service._changed_users
            await eventually(lambda: not service._changed_users, 5.0)
            await service.look()
            assert follower.ends == []


@pytest.mark.django_db(transaction=True)
async def test_the_use_of_a_token_is_stored_to_the_minute_and_as_long_as_its_connection_is_open() -> None:
    clock = ManualClock()
    login = await sync_to_async(token_of)(await make_user_async("ann"))

    def last_used() -> Any:
        return token_by(login).last_used_at

    async with running(clock=clock) as service:
        with contextlib.ExitStack() as connections:
            await open_connection(connections, service, login)
            assert await sync_to_async(last_used)() is None
            await service._store_uses()
            first = await sync_to_async(last_used)()
            assert first is not None
            clock.advance(59)
            await service._store_uses()
            assert await sync_to_async(last_used)() == first
            clock.advance(2)
            await service._store_uses()
            second = await sync_to_async(last_used)()
            assert second > first
        clock.advance(120)
        await service._store_uses()
        assert await sync_to_async(last_used)() == second


@pytest.mark.django_db(transaction=True)
async def test_the_use_of_a_token_is_stored_when_the_process_stops_at_once() -> None:
    login = await sync_to_async(token_of)(await make_user_async("ann"))
    async with running() as service:
        with contextlib.ExitStack() as connections:
            await open_connection(connections, service, login)
    assert (await sync_to_async(token_by)(login)).last_used_at is not None


@pytest.mark.django_db(transaction=True)
async def test_a_process_stops_in_bounded_time_while_the_database_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    login = await sync_to_async(token_of)(await make_user_async("ann"))
    may_answer = threading.Event()
    monkeypatch.setattr(login_service, "STOP_SECONDS", 0.05)
    monkeypatch.setattr(login_service, "note_use", lambda *_: may_answer.wait())
    service = LoginService(look_seconds=3_600.0)
    with contextlib.ExitStack() as connections:
        await open_connection(connections, service, login)
    try:
        with capture_logs() as lines:
            await service.stop()
        assert [line["event"] for line in lines] == ["logins not ended in time"]
    finally:
        may_answer.set()
        await service.stop()


@pytest.mark.django_db(transaction=True)
async def test_handshakes_read_as_the_database_is_now() -> None:
    login = await sync_to_async(session_of)(await make_user_async("ann"))
    async with running() as service:
        assert await service.standing(login) == await sync_to_async(standing_of)(login)
        await sync_to_async(end_session)(login)
        assert await service.standing(login) is None
