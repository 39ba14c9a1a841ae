"""Odd identities, through the real site: who enters, as whom, with which rights, and who does not."""

import secrets
from typing import Any

import pytest

from tests.support.login_site import accounts, attempt, has_entered, rows
from tests.support.scripted_identity_provider import ABSENT, ScriptedIdentityProvider
from tests.support.site import Site, Visitor


def user_of(site: Site, subject: str) -> Any:
    found = rows(
        site,
        "SELECT u.username, u.first_name, u.last_name, u.email, u.is_staff, u.id FROM accounts_user u "
        "JOIN socialaccount_socialaccount a ON a.user_id = u.id WHERE a.uid = ?",
        subject,
    )
    return found[0] if found else None


def roles_of(site: Site, subject: str) -> set[str]:
    found = rows(
        site,
        "SELECT g.name FROM auth_group g JOIN accounts_user_groups m ON m.group_id = g.id "
        "WHERE m.user_id = ?",
        user_of(site, subject)[5],
    )
    return {name for (name,) in found}


@pytest.mark.parametrize("spelling", [True, "true", "True", "TRUE", 1, "1"])
async def test_a_verified_address_enters_however_true_is_spelt(
    site: Site, provider: ScriptedIdentityProvider, visitor: Visitor, spelling: Any
) -> None:
    provider.person["email_verified"] = spelling
    assert has_entered(await attempt(visitor, site))


@pytest.mark.parametrize("spelling", [False, "false", "no", "truely", "", 0, 2, None, [], [True], {}, ABSENT])
async def test_an_address_that_is_not_said_to_be_verified_does_not_enter(
    site: Site, provider: ScriptedIdentityProvider, visitor: Visitor, spelling: Any
) -> None:
    provider.person["email_verified"] = spelling
    before = accounts(site)
    await attempt(visitor, site)
    assert (visitor.status, accounts(site)) == (403, before)
    assert "did not send this site a verified address" in visitor.page


@pytest.mark.parametrize("claim", ["email", "email_verified", "preferred_username"])
async def test_a_null_in_userinfo_overrides_nothing(
    site: Site, provider: ScriptedIdentityProvider, visitor: Visitor, claim: str
) -> None:
    provider.userinfo[claim] = None
    assert has_entered(await attempt(visitor, site))


async def test_the_proof_of_an_address_comes_from_where_the_address_comes_from(
    site: Site, provider: ScriptedIdentityProvider, visitor: Visitor
) -> None:
    provider.id_token |= {"email": ABSENT, "email_verified": True}
    provider.userinfo |= {"email": "boss@example.com", "email_verified": ABSENT}
    await attempt(visitor, site)
    assert visitor.status == 403
    assert "Not on the list" in visitor.page


async def test_an_address_of_userinfo_alone_enters_by_its_own_proof(
    site: Site, provider: ScriptedIdentityProvider, visitor: Visitor
) -> None:
    provider.id_token |= {"email": ABSENT, "email_verified": ABSENT}
    assert has_entered(await attempt(visitor, site))


async def test_an_address_that_one_place_denies_does_not_enter(
    site: Site, provider: ScriptedIdentityProvider, visitor: Visitor
) -> None:
    provider.id_token["email_verified"] = False
    await attempt(visitor, site)
    assert visitor.status == 403


async def test_a_provider_without_user_information_is_enough(
    site: Site, provider: ScriptedIdentityProvider, visitor: Visitor
) -> None:
    provider.discovery["userinfo_endpoint"] = ABSENT
    assert has_entered(await attempt(visitor, site))
    assert "userinfo" not in provider.asked


SUBJECTS = {
    "null": None,
    "missing": ABSENT,
    "empty": "",
    "blank": "  ",
    "300 characters": "x" * 300,
    "number": 7,
    "list": ["ann-1"],
    "object": {"id": "ann-1"},
    "true": True,
    "control character": "ann\x00-1",
    "half a surrogate": "ann\ud800",
}


@pytest.mark.parametrize("subject", SUBJECTS.values(), ids=SUBJECTS)
@pytest.mark.parametrize("place", ["person", "id_token", "userinfo"])
async def test_without_a_usable_subject_nobody_logs_in(
    site: Site, provider: ScriptedIdentityProvider, visitor: Visitor, place: str, subject: Any
) -> None:
    getattr(provider, place)["sub"] = subject
    before = accounts(site)
    await attempt(visitor, site)
    assert (visitor.status, accounts(site)) == (403, before)
    assert "Login failed" in visitor.page
    await visitor.open(f"{site.url}/")
    assert visitor.url.path == "/accounts/login/"


async def test_userinfo_of_another_person_logs_nobody_in(
    site: Site, provider: ScriptedIdentityProvider, visitor: Visitor
) -> None:
    assert has_entered(await attempt(visitor, site))
    other = provider.person["sub"]
    provider.id_token["sub"], provider.userinfo["sub"] = "mallory-1", other
    async with Visitor() as mallory:
        await attempt(mallory, site)
        assert (mallory.status, user_of(site, "mallory-1")) == (403, None)
        assert "Login failed" in mallory.page


@pytest.mark.parametrize(
    ("claims", "names"),
    [
        ({"given_name": 7, "family_name": {"family": "Example"}}, ("", "")),
        ({"given_name": ABSENT, "family_name": ABSENT, "name": "Ann van Dijk"}, ("Ann", "van Dijk")),
        ({"given_name": ABSENT, "family_name": ABSENT, "name": ["Ann"]}, ("", "")),
        ({"given_name": "A\x00n\u202en", "family_name": "\ud800Ex\nample"}, ("Ann", "Example")),
        ({"given_name": "x" * 5_000, "family_name": None}, ("x" * 150, "")),
        ({"preferred_username": 12}, ("Ann", "Example")),
        ({"preferred_username": {"name": "ann"}}, ("Ann", "Example")),
        ({"preferred_username": "a/b\\c \x01"}, ("Ann", "Example")),
        ({"preferred_username": "x" * 5_000}, ("Ann", "Example")),
    ],
)
async def test_names_of_any_shape_cost_no_login(
    site: Site,
    provider: ScriptedIdentityProvider,
    visitor: Visitor,
    claims: dict[str, Any],
    names: tuple[str, str],
) -> None:
    provider.person |= claims
    assert has_entered(await attempt(visitor, site))
    assert user_of(site, provider.person["sub"])[1:3] == names


async def test_two_people_of_one_name_and_address_are_two_users(
    site: Site, provider: ScriptedIdentityProvider, visitor: Visitor
) -> None:
    await attempt(visitor, site)
    first = provider.person["sub"]
    provider.person["sub"] = second = secrets.token_hex(8)
    async with Visitor() as other:
        assert has_entered(await attempt(other, site))
    assert user_of(site, first)[5] != user_of(site, second)[5]


@pytest.mark.parametrize(
    ("email", "enters"),
    [
        ("Ann@Example.COM", True),
        ("ann@straße.example", True),
        ("ann@xn--strae-oqa.example", True),
        ("ann@strasse.example", False),
        ("example.com", False),
        ("@example.com", False),
        ("ann@\uff45xample.com", False),
        ("ann@example.com@evil.example", False),
        ("ann@evil.example@example.com", False),
        ("ann@sub.example.com", False),
        ("ann@example.com.", False),
        ("ann@example.com ", False),
        ("ann\n@example.com", False),
        (["ann@example.com"], False),
        ({"value": "ann@example.com"}, False),
    ],
)
async def test_only_whole_addresses_of_exactly_the_listed_domains_enter(
    site: Site, provider: ScriptedIdentityProvider, visitor: Visitor, email: Any, enters: bool
) -> None:
    provider.person["email"] = email
    await attempt(visitor, site)
    assert (has_entered(visitor), visitor.status) == (enters, 200 if enters else 403)


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        (["desk"], {"viewers"}),
        (["/desk", "/others"], {"viewers"}),
        (["/operators"], {"operators"}),
        (["operators", "desk"], {"operators", "viewers"}),
        ("operators", {"operators"}),
        (["operators2", "all operators", "/x/operators", 7, None, {"name": "operators"}], set()),
        ([], set()),
    ],
)
async def test_groups_nested_in_other_claims_become_roles(
    site: Site, provider: ScriptedIdentityProvider, visitor: Visitor, roles: Any, expected: set[str]
) -> None:
    provider.person["realm_access"] = {"roles": roles}
    await attempt(visitor, site)
    subject = provider.person["sub"]
    assert (roles_of(site, subject), bool(user_of(site, subject)[4])) == (expected, bool(expected))


UNSAID = {
    "by reference": {"realm_access": ABSENT, "_claim_names": {"realm_access": "src1"}},
    "by reference to the path": {"realm_access": ABSENT, "_claim_names": {"realm_access.roles": "s"}},
    "in a shape nobody knows": {"realm_access": {"roles": {"operators": {"org": "1"}}}},
    "as a number": {"realm_access": {"roles": 5}},
    "as a null": {"realm_access": {"roles": None}},
    "as a null on the way": {"realm_access": None},
}


@pytest.mark.parametrize("claims", UNSAID.values(), ids=UNSAID)
async def test_groups_that_the_provider_does_not_say_take_no_rights_away(
    site: Site, provider: ScriptedIdentityProvider, visitor: Visitor, claims: dict[str, Any]
) -> None:
    provider.person["realm_access"] = {"roles": ["operators"]}
    await attempt(visitor, site)
    provider.person |= claims
    async with Visitor() as again:
        assert has_entered(await attempt(again, site))
    assert roles_of(site, provider.person["sub"]) == {"operators"}
    assert "groups unknown: rights stay as they are" in site.log


@pytest.mark.parametrize("claims", [ABSENT, {"roles": []}, {"roles": ["desk"]}, {}])
async def test_who_has_left_a_group_loses_its_role(
    site: Site, provider: ScriptedIdentityProvider, visitor: Visitor, claims: Any
) -> None:
    provider.person["realm_access"] = {"roles": ["operators"]}
    await attempt(visitor, site)
    provider.person["realm_access"] = claims
    async with Visitor() as again:
        await attempt(again, site)
    assert "operators" not in roles_of(site, provider.person["sub"])


async def test_a_role_sees_the_control_plane_and_does_what_it_may(
    site: Site, provider: ScriptedIdentityProvider, visitor: Visitor
) -> None:
    provider.person["realm_access"] = {"roles": ["desk"]}
    await attempt(visitor, site, "/admin/")
    assert visitor.status == 200
    for page in ("accounts/apitoken", "accounts/user", "django_q/schedule", "usersessions/usersession"):
        assert f"/admin/{page}/" in visitor.page
        async with Visitor() as viewer:
            await attempt(viewer, site, f"/admin/{page}/")
            assert viewer.status == 200
    await visitor.open(f"{site.url}/admin/accounts/user/add/")
    assert visitor.status == 403
    for page in (
        "socialaccount/socialapp",
        "socialaccount/socialtoken",
        "account/emailaddress",
        "auth/group",
    ):
        assert f"/admin/{page}/" not in visitor.page


async def test_who_is_no_staff_is_told_that_the_control_plane_is_not_for_him(
    site: Site, provider: ScriptedIdentityProvider, visitor: Visitor
) -> None:
    await attempt(visitor, site, "/admin/")
    assert visitor.status == 403
    assert "may not see this page" in visitor.page


async def test_another_identity_is_never_linked_to_the_user_who_is_logged_in(
    site: Site, provider: ScriptedIdentityProvider, visitor: Visitor
) -> None:
    await attempt(visitor, site)
    first = provider.person["sub"]
    provider.person["sub"] = second = secrets.token_hex(8)
    for process in ("connect", "redirect", "login"):
        await visitor.post(f"{site.url}/accounts/oidc/oidc/login/?process={process}", [])
        assert user_of(site, first)[5] != user_of(site, second)[5]
