"""Which logins are valid and what they allow, asked for many at once."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries, Settings

from mdp_site.accounts import login_service, roles
from mdp_site.accounts.models import ApiToken, User
from mdp_site.accounts.roles import USERS, Role
from mdp_site.accounts.standings import Credential, StandingReader, Way, read_standings
from tests.support.logins import end_session, make_user, session_of, standing_of, token_by, token_of

pytestmark = pytest.mark.django_db

Make = Callable[..., Credential]
BOTH_WAYS = pytest.mark.parametrize("login_of", [session_of, token_of], ids=["session", "token"])


@BOTH_WAYS
def test_a_login_has_the_name_and_the_feeds_of_its_user(login_of: Make) -> None:
    user = make_user("ann")
    standing = standing_of(login_of(user))
    assert standing is not None
    assert (standing.user_id, standing.username) == (user.pk, "ann")
    assert standing.may_see_market_data
    assert standing.permissions == USERS.feeds


@pytest.mark.parametrize(
    ("login_of", "end"),
    [
        (session_of, end_session),
        (session_of, lambda login: User.objects.update(is_active=False)),
        (session_of, lambda login: User.objects.update(password="md5$changed$by-an-update")),
        (session_of, lambda login: User.objects.all().delete()),
        (session_of, lambda login: Session.objects.update(expire_date=timezone.now())),
        (session_of, lambda login: Session.objects.update(session_data="forged")),
        (token_of, lambda login: token_by(login).revoke()),
        (token_of, lambda login: ApiToken.objects.update(revoked_at=timezone.now())),
        (token_of, lambda login: ApiToken.objects.update(expires_at=timezone.now())),
        (token_of, lambda login: ApiToken.objects.all().delete()),
        (token_of, lambda login: User.objects.update(is_active=False)),
    ],
)
def test_a_login_is_valid_until_it_ends_in_any_way(login_of: Make, end: Callable[[Credential], Any]) -> None:
    login = login_of(make_user("ann"))
    assert standing_of(login) is not None
    end(login)
    assert standing_of(login) is None


CHANGES: list[tuple[Make, Callable[[Credential], Any]]] = [
    *((login_of, lambda login: User.objects.update(is_active=False)) for login_of in (session_of, token_of)),
    *(
        (login_of, lambda login: User.objects.filter(username="ann").update(username="bob"))
        for login_of in (session_of, token_of)
    ),
    (session_of, end_session),
    (session_of, lambda login: User.objects.update(password="md5$changed$by-an-update")),
    (session_of, lambda login: Session.objects.update(expire_date=timezone.now())),
    (session_of, lambda login: Session.objects.update(session_data="forged")),
    (token_of, lambda login: ApiToken.objects.update(revoked_at=timezone.now())),
    (token_of, lambda login: ApiToken.objects.update(expires_at=timezone.now())),
    (token_of, lambda login: ApiToken.objects.update(scopes="boards")),
    (token_of, lambda login: ApiToken.objects.all().delete()),
]


@pytest.mark.parametrize(("login_of", "change"), CHANGES)
def test_one_who_has_asked_before_sees_every_change_in_the_database_as_one_who_asks_for_the_first_time(
    login_of: Make, change: Callable[[Credential], Any]
) -> None:
    login, other = login_of(make_user("ann")), token_of(make_user("zoe"))
    reader = StandingReader()
    before = reader.read([login, other])
    assert before == read_standings([login, other])
    change(login)
    after = reader.read([login, other])
    assert after == read_standings([login, other])
    assert after != before


@BOTH_WAYS
def test_a_change_of_groups_is_seen_by_one_who_has_asked_before(
    login_of: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    role = Role("granting", feeds=frozenset({"extra"}))
    monkeypatch.setattr(roles, "GROUP_ROLES", (*roles.GROUP_ROLES, role))
    user = make_user("ann")
    login, reader = login_of(user), StandingReader()
    user.groups.add(Group.objects.create(name=role.name))
    assert reader.read([login]) == read_standings([login])
    user.groups.clear()
    assert reader.read([login]) == read_standings([login])


@BOTH_WAYS
def test_a_change_of_what_roles_allow_is_seen_by_one_who_has_asked_before(
    login_of: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    login, reader = login_of(make_user("ann")), StandingReader()
    assert reader.read([login])[login].permissions == USERS.feeds
    monkeypatch.setattr(roles, "USERS", Role("users", rights=USERS.rights, feeds=frozenset({"quotes"})))
    assert reader.read([login])[login].permissions == {"quotes"}


@BOTH_WAYS
def test_what_the_database_says_again_is_not_worked_out_again(login_of: Make) -> None:
    logins = [login_of(make_user(name)) for name in ("ann", "bob")]
    reader = StandingReader()
    first, second = reader.read(logins), reader.read(logins)
    assert all(second[login] is first[login] for login in logins)


def test_among_finds_what_in_finds() -> None:
    for name in ("ann", "o'hara", 'quo"te', "back\\slash", "ünï", "zoe"):
        make_user(name)
    for wanted in (set(), {"ann"}, {"o'hara", 'quo"te', "back\\slash", "ünï", "nobody", "%s"}):
        found = User.objects.filter(username__among=wanted)
        assert set(found) == set(User.objects.filter(username__in=wanted))
        assert set(User.objects.filter(pk__among={user.pk for user in found})) == set(found)


@given(st.sets(st.tuples(st.sampled_from(Way), st.integers(0, 10_000)), max_size=60), st.integers(1, 9))
def test_a_look_asks_for_each_login_once_in_parts_of_one_way_that_stay_when_others_come(
    logins: set[tuple[Way, int]], most: int
) -> None:
    credentials = [Credential(way, str(number)) for way, number in logins]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(login_service, "MOST_IN_A_LOOK", most)
        parts = login_service._parts(credentials)
        assert sorted(each for part in parts for each in part) == sorted(credentials)
        assert all(len({each.way for each in part}) <= 1 for part in parts)
        fewer = login_service._parts(credentials[:-1])
        if len(fewer) == len(parts):
            assert sum(before != after for before, after in zip(fewer, parts, strict=True)) <= 1


def test_a_token_outlives_a_change_of_the_password() -> None:
    login = token_of(make_user("ann"))
    User.objects.update(password="md5$changed$by-an-update")
    assert standing_of(login) is not None


def test_a_session_signed_with_a_former_secret_key_is_valid(settings: Settings) -> None:
    login = session_of(make_user("ann"))
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a new key" * 8, [settings.SECRET_KEY]
    assert standing_of(login) is not None


def test_a_session_of_a_backend_that_is_no_longer_configured_is_not_valid(settings: Settings) -> None:
    login = session_of(make_user("ann"))
    settings.AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
    assert standing_of(login) is None


def test_a_session_in_which_nobody_is_logged_in_is_not_valid() -> None:
    client = Client()
    session = client.session
    session.save()
    assert standing_of(Credential(Way.SESSION, str(session.session_key))) is None


@BOTH_WAYS
def test_a_user_without_the_right_to_market_data_has_a_login_that_does_not_permit_it(
    monkeypatch: pytest.MonkeyPatch, login_of: Make
) -> None:
    login = login_of(make_user("ann"))
    monkeypatch.setattr(roles, "USERS", Role("users"))
    standing = standing_of(login)
    assert standing is not None
    assert not standing.may_see_market_data


@BOTH_WAYS
def test_the_role_of_a_group_that_gives_feeds_counts_as_long_as_the_user_is_a_member(
    monkeypatch: pytest.MonkeyPatch, login_of: Make
) -> None:
    user, other = make_user("ann"), make_user("bob")
    login, of_another = login_of(user), login_of(other)
    monkeypatch.setattr(roles, "USERS", Role("users", rights=USERS.rights, feeds=frozenset({"status"})))
    traders = Role("traders", feeds=frozenset({"trades"}))
    monkeypatch.setattr(roles, "GROUP_ROLES", (*roles.GROUP_ROLES, traders))
    group = Group.objects.create(name="traders")
    user.groups.add(group)
    found = read_standings([login, of_another])
    assert found[login].permissions == {"status", "trades"} == roles.permissions_of(user)
    assert found[of_another].permissions == {"status"} == roles.permissions_of(other)
    User.groups.through.objects.all().delete()
    assert read_standings([login])[login].permissions == {"status"}


@pytest.mark.parametrize("count", [1, 40])
def test_the_number_of_queries_does_not_depend_on_the_number_of_logins(
    django_assert_num_queries: DjangoAssertNumQueries, count: int
) -> None:
    logins = [login_of(make_user(f"{number}{login_of.__name__}"))
              for number in range(count) for login_of in (session_of, token_of)]  # fmt: skip
    with django_assert_num_queries(3):  # sessions, their users, tokens with their users
        assert len(read_standings(logins)) == 2 * count


def test_logins_that_are_unknown_are_left_out_and_the_others_are_found() -> None:
    known = session_of(make_user("ann"))
    unknown = [
        Credential(Way.SESSION, "k" * 32),
        Credential(Way.TOKEN, "0" * 64),
        Credential(Way.PAGE_TOKEN, "7"),
    ]
    assert read_standings([*unknown, known]).keys() == {known}


def test_an_expired_token_is_not_valid_and_one_that_expires_later_is() -> None:
    user, now = make_user("ann"), timezone.now()
    expired = token_of(user, expires_at=now - timedelta(seconds=1))
    valid = token_of(user, expires_at=now + timedelta(minutes=1))
    assert read_standings([expired, valid]).keys() == {valid}


@pytest.mark.parametrize(
    ("scopes", "feeds"),
    [
        (("boards",), {"boards", "status"}),
        (("trades", "alerts"), {"trades", "alerts", "status"}),
        (("boards", "quotes", "trades", "alerts"), set(USERS.feeds)),
    ],
)
def test_a_token_permits_what_its_scopes_name(scopes: tuple[str, ...], feeds: set[str]) -> None:
    standing = standing_of(token_of(make_user("ann"), scopes=scopes))
    assert standing is not None
    assert standing.permissions == feeds


def test_a_token_never_permits_more_than_its_user_may(monkeypatch: pytest.MonkeyPatch) -> None:
    login = token_of(make_user("ann"), scopes=("boards", "quotes"))
    monkeypatch.setattr(roles, "USERS", Role("users", rights=USERS.rights, feeds=frozenset({"quotes"})))
    standing = standing_of(login)
    assert standing is not None
    assert standing.permissions == {"quotes"}
