"""One identity out of what the provider said in two places: the ID token and the user information endpoint.

The ID token is the source: it is signed, and made for this login. The endpoint's answer completes it where
both name the same `sub` (OpenID Connect Core 1.0, 5.3.2). A claim and its proof come from one place: the
address is the ID token's where it has one, and counts as verified only by the word of a place that names it.
"""

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from mdp_site.accounts.oidc.addresses import claimed_address
from mdp_site.accounts.oidc.failures import AnswerRefused

Claims = Mapping[str, Any]

MAX_SUBJECT_LENGTH: Final = 191
"""What the accounts' table holds. The specification allows 255; no provider known uses more than 100."""
MAX_NAME_LENGTH: Final = 150
"""Of user name, first name and last name in the database."""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who has logged in. `groups` is None where the provider did not say: that is not the same as none."""

    subject: str
    email: str | None = None
    email_verified: bool = False
    username: str = ""
    first_name: str = ""
    last_name: str = ""
    groups: frozenset[str] | None = frozenset()


def read_identity(id_token: Claims, userinfo: Claims | None, *, groups_claim: str) -> Identity:
    """The identity behind checked claims of an ID token and what the user information endpoint answered.

    Raises:
        AnswerRefused: no usable `sub`, or two that differ.
    """
    subject = _subject("ID token", id_token)
    sources = [id_token]
    if userinfo is not None:
        if _subject("userinfo", userinfo) != subject:
            raise AnswerRefused("userinfo", "its sub is another one than the ID token's")
        sources.append(userinfo)
    email = _first(claimed_address(source.get("email")) for source in sources)
    first_name, last_name = _names(sources)
    return Identity(
        subject=subject,
        email=email,
        email_verified=email is not None and _verified(email, sources),
        username=_text(sources, "preferred_username"),
        first_name=first_name,
        last_name=last_name,
        groups=_groups(sources, groups_claim),
    )


def _subject(step: str, claims: Claims) -> str:
    subject = claims.get("sub")
    if not isinstance(subject, str):
        raise AnswerRefused(step, f"sub is {type(subject).__name__}; accepted: text")
    if not subject.strip() or len(subject) > MAX_SUBJECT_LENGTH:
        raise AnswerRefused(
            step, f"sub has {len(subject)} characters; accepted: 1 to {MAX_SUBJECT_LENGTH}, not all blank"
        )
    if not (subject.isascii() and subject.isprintable()):
        raise AnswerRefused(step, "sub is not printable ASCII")
    return subject


def _verified(email: str, sources: list[Claims]) -> bool:
    words = {
        truth(source.get("email_verified"))
        for source in sources
        if claimed_address(source.get("email")) == email
    }
    return True in words and False not in words


def truth(value: object) -> bool | None:
    """What a claim of yes or no says in any of its spellings; None where it says neither.

    Providers send JSON's own, or `"true"`, or 1 (zitadel/oidc #137, Amazon Cognito).
    """
    if isinstance(value, str):
        return {"true": True, "1": True, "false": False, "0": False}.get(value.strip().lower())
    if isinstance(value, bool | int):
        return {1: True, 0: False}.get(value)
    return None


def _names(sources: list[Claims]) -> tuple[str, str]:
    first, last = _text(sources, "given_name"), _text(sources, "family_name")
    if first or last:
        return first, last
    first, _, last = _text(sources, "name").partition(" ")
    return first, last.strip()


def _text(sources: list[Claims], claim: str) -> str:
    """The first readable text of the claim, of a length and of characters that every database takes."""
    return _first(_cleaned(source.get(claim)) for source in sources) or ""


def _cleaned(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    # No control, format (such as the ones that turn the direction of writing) or surrogate characters.
    printable = "".join(
        each for each in value[: 4 * MAX_NAME_LENGTH] if unicodedata.category(each) not in _UNPRINTABLE
    )
    return " ".join(printable.split())[:MAX_NAME_LENGTH].strip() or None


_UNPRINTABLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


def _first(values: Iterator[str | None]) -> str | None:
    return next((each for each in values if each), None)


def _groups(sources: list[Claims], claim: str) -> frozenset[str] | None:
    """The groups of the first place that lists them.

    None where the claim is there as a null or in a shape that cannot be read, or is said to be kept
    elsewhere: by reference in `_claim_names` (OpenID Connect Core 1.0, 5.6.2), or by `hasgroups`, as
    Microsoft's providers do with too many groups. Without any trace of it there are none: an empty list is
    often left out.
    """
    unknown = False
    for source in sources:
        value = _at(source, claim)
        if isinstance(value, str):
            value = [value]
        if isinstance(value, list):
            return frozenset(group_name(each) for each in value if _is_group(each))
        unknown |= value is not None or _is_null(source, claim) or _kept_elsewhere(source, claim)
    return None if unknown else frozenset()


def _is_group(value: object) -> bool:
    return isinstance(value, str) and value.isprintable() and bool(value.strip("/"))


def group_name(text: str) -> str:
    """A group's name without the slash by which some providers (Keycloak) begin the path of a group."""
    return text.removeprefix("/")


def _at(claims: Claims, path: str) -> object:
    """The claim of that name or, by dots, what lies inside nested objects (`realm_access.roles`)."""
    if path in claims:
        return claims[path]
    value: object = claims
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _is_null(claims: Claims, path: str) -> bool:
    """Whether the claim, or an object on the path to it, is there and null: that says nothing, not none."""
    if path in claims:
        return claims[path] is None
    value: object = claims
    for step in path.split("."):
        if not isinstance(value, Mapping) or step not in value:
            return False
        value = value[step]
        if value is None:
            return True
    return False


def _kept_elsewhere(claims: Claims, claim: str) -> bool:
    names = claims.get("_claim_names")
    referred = isinstance(names, Mapping) and (claim in names or claim.partition(".")[0] in names)
    return referred or (claim == "groups" and truth(claims.get("hasgroups")) is True)
