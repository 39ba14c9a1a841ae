"""One identity out of two answers: subjects, addresses and their proof, names, groups; and who may enter."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mdp_site.accounts.oidc.addresses import claimed_address, claimed_domain, listed_address, listed_domain
from mdp_site.accounts.oidc.claims import Identity, read_identity, truth
from mdp_site.accounts.oidc.failures import AnswerRefused
from mdp_site.accounts.oidc.policy import may_enter

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
CLAIMS = st.dictionaries(
    st.sampled_from(
        [
            "email",
            "email_verified",
            "preferred_username",
            "name",
            "given_name",
            "family_name",
            "groups",
            "realm_access",
            "_claim_names",
            "_claim_sources",
            "hasgroups",
        ]
    ),
    ANYTHING,
)


def identity(id_token: Any, userinfo: Any = None, groups_claim: str = "groups") -> Identity:
    """The identity of person 1."""
    given = None if userinfo is None else {"sub": "1"} | userinfo
    return read_identity({"sub": "1"} | id_token, given, groups_claim=groups_claim)


@given(id_token=CLAIMS, userinfo=CLAIMS)
def test_claims_of_any_shape_become_an_identity_that_every_database_takes(
    id_token: dict[str, Any], userinfo: dict[str, Any]
) -> None:
    found = identity(id_token, userinfo, "realm_access.roles")
    for text in (found.username, found.first_name, found.last_name, found.email or ""):
        assert text.isprintable()
        text.encode()
    assert max(map(len, (found.username, found.first_name, found.last_name))) <= 150
    assert found.email is None or found.email.count("@") == 1
    assert found.groups is None or all(group.isprintable() for group in found.groups)


@given(subject=ANYTHING.filter(lambda value: not isinstance(value, str)))
def test_a_subject_that_is_no_text_is_refused(subject: Any) -> None:
    with pytest.raises(AnswerRefused, match="sub is"):
        read_identity({"sub": subject}, None, groups_claim="groups")


@pytest.mark.parametrize("userinfo", [{"sub": "2"}, {}, {"sub": None}, {"sub": "1 "}, {"sub": 1}])
def test_user_information_counts_only_with_the_same_subject(userinfo: dict[str, Any]) -> None:
    with pytest.raises(AnswerRefused):
        read_identity({"sub": "1"}, userinfo, groups_claim="groups")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True),
        ("true", True),
        (" True ", True),
        (1, True),
        ("1", True),
        (False, False),
        ("FALSE", False),
        (0, False),
        (None, None),
        ("yes", None),
        (2, None),
        (1.0, None),
        ([True], None),
        ({}, None),
    ],
)
def test_yes_and_no_have_few_spellings(value: Any, expected: bool | None) -> None:
    assert truth(value) is expected


A = {"email": "a@x.org", "email_verified": True}
B = {"email": "b@x.org", "email_verified": True}


@pytest.mark.parametrize(
    ("id_token", "userinfo", "email", "verified"),
    [
        (A, {}, "a@x.org", True),
        ({}, A, "a@x.org", True),
        (A, {"email": None, "email_verified": None}, "a@x.org", True),
        (A, {"email": "a@x.org", "email_verified": None}, "a@x.org", True),
        ({"email": "A@X.org"}, A, "a@x.org", True),
        (A, {"email": "a@x.org", "email_verified": False}, "a@x.org", False),
        ({"email_verified": True}, {"email": "a@x.org"}, "a@x.org", False),
        ({"email": "a@x.org"}, {"email_verified": True}, "a@x.org", False),
        ({"email": "a@x.org"}, B, "a@x.org", False),
        (A, B, "a@x.org", True),
        ({"email": "x.org", "email_verified": True}, B, "b@x.org", True),
    ],
)
def test_an_address_and_its_proof_come_from_one_place(
    id_token: dict[str, Any], userinfo: dict[str, Any], email: str, verified: bool
) -> None:
    found = identity(id_token, userinfo)
    assert (found.email, found.email_verified) == (email, verified)


@pytest.mark.parametrize(
    ("id_token", "userinfo", "claim", "groups"),
    [
        ({"groups": ["a", "/b", "/c/d"]}, {}, "groups", {"a", "b", "c/d"}),
        ({"groups": "a"}, {}, "groups", {"a"}),
        ({}, {"groups": ["a"]}, "groups", {"a"}),
        ({"groups": ["a"]}, {"groups": ["b"]}, "groups", {"a"}),
        ({"groups": None}, {"groups": ["b"]}, "groups", {"b"}),
        ({"realm_access": {"roles": ["a"]}}, {}, "realm_access.roles", {"a"}),
        ({"https://x.org/groups": ["a"]}, {}, "https://x.org/groups", {"a"}),
        ({"a": {"b": {"c": ["d"]}}}, {}, "a.b.c", {"d"}),
        ({"a": {"b": ["d"]}}, {}, "a.b.c", set()),
        ({}, {}, "groups", set()),
        ({"groups": []}, {}, "groups", set()),
        ({"groups": ["a", 1, None, "", "/"]}, {}, "groups", {"a"}),
        ({"_claim_names": {"groups": "src1"}}, {}, "groups", None),
        ({"_claim_names": {"groups": "src1"}}, {"groups": ["a"]}, "groups", {"a"}),
        ({}, {"_claim_names": {"groups": "src1"}}, "groups", None),
        ({"_claim_names": {"address": "src1"}}, {}, "groups", set()),
        ({"_claim_names": ["groups"]}, {}, "groups", set()),
        ({"hasgroups": True}, {}, "groups", None),
        ({"hasgroups": "true"}, {}, "groups", None),
        ({"groups": 7}, {}, "groups", None),
        ({"groups": None}, {}, "groups", None),
        ({}, {"groups": None}, "groups", None),
        ({"realm_access": {"roles": None}}, {}, "realm_access.roles", None),
        ({"realm_access": None}, {}, "realm_access.roles", None),
        ({"groups": {"a": True}}, {}, "groups", None),
    ],
)
def test_groups_are_read_or_known_to_be_unknown(
    id_token: dict[str, Any], userinfo: dict[str, Any], claim: str, groups: set[str] | None
) -> None:
    assert identity(id_token, userinfo, claim).groups == groups


@pytest.mark.parametrize(
    ("claimed", "listed", "equal"),
    [
        ("example.com", "Example.COM", True),
        ("EXAMPLE.com", "example.com", True),
        ("straße.de", "straße.de", True),
        ("xn--strae-oqa.de", "straße.de", True),
        ("straße.de", "strasse.de", False),
        ("strasse.de", "straße.de", False),
        ("münchen.de", "MÜNCHEN.DE", True),
        ("\u03c2.example", "\u03c3.example", False),
        ("\uff45xample.com", "example.com", False),
        ("example\u3002com", "example.com", False),
        ("exa\u00admple.com", "example.com", False),
        ("\u212aelvin.com", "kelvin.com", False),
        ("example.com.", "example.com", False),
        ("a.example.com", "example.com", False),
    ],
)
def test_domains_are_compared_exactly_in_their_ascii_form(claimed: str, listed: str, equal: bool) -> None:
    assert listed_domain(listed) is not None
    assert (claimed_domain(claimed) == listed_domain(listed)) is equal


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "a@",
        "@x.org",
        "x.org",
        "a@b@x.org",
        "a b@x.org",
        "a\n@x.org",
        "a@x .org",
        "<a@x.org>",
        "a@x",
        "a@[127.0.0.1]",
        '"a b"@x.org',
        "a@-x.org",
        "a@x..org",
        "a" * 250 + "@x.org",
        7,
        None,
        ["a@x.org"],
    ],
)
def test_what_is_no_whole_address_is_none(text: Any) -> None:
    assert claimed_address(text) is None


@given(local=st.text(min_size=1), domain=st.text(min_size=1))
@example(local="a", domain="x.org")
def test_an_address_is_itself_in_ascii_or_none(local: str, domain: str) -> None:
    found = claimed_address(f"{local}@{domain}")
    assert found is None or (found.partition("@")[2].isascii() and claimed_address(found) == found)


VERIFIED = Identity(subject="1", email="ann@example.com", email_verified=True)


@pytest.mark.parametrize(
    ("who", "domains", "emails", "expected"),
    [
        (Identity(subject="1"), [], [], True),
        (VERIFIED, ["example.com"], [], True),
        (VERIFIED, ["EXAMPLE.com"], [], True),
        (VERIFIED, [], ["Ann@Example.com"], True),
        (VERIFIED, ["other.com"], ["ann@example.com"], True),
        (VERIFIED, ["other.com"], [], False),
        (VERIFIED, ["ample.com"], [], False),
        (VERIFIED, [], ["bob@example.com"], False),
        (Identity(subject="1", email="ann@example.com"), ["example.com"], [], False),
        (Identity(subject="1", email_verified=True), ["example.com"], [], False),
    ],
)
def test_who_may_enter(who: Identity, domains: list[str], emails: list[str], expected: bool) -> None:
    assert may_enter(who, domains=domains, emails=emails) is expected


def test_what_operators_list_is_read_as_they_meant_it() -> None:
    assert listed_address("Ann@Straße.DE") == "ann@xn--strae-oqa.de"
    assert listed_domain("not a domain") is None
