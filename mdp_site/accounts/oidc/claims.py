"""Makes one identity from the claims of the ID token and of the user information endpoint.

The ID token has precedence: it is signed, and issued for this login. The user information completes it, if
both have the same `sub` (OpenID Connect Core 1.0, 5.3.2). The e-mail address is that of the ID token, if it
has one. It counts as verified only if a source that contains this address says so.
"""

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from mdp_site.accounts.oidc.addresses import claimed_address
from mdp_site.accounts.oidc.failures import AnswerRefused

Claims = Mapping[str, Any]

MAX_SUBJECT_LENGTH: Final = 191
"""The limit of the database. The specification allows 255, but no known provider uses more than 100."""
MAX_NAME_LENGTH: Final = 150
"""The limit of the database for user name, first name and last name."""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """The person who has logged in. `groups` is None if the groups are unknown; empty means no groups."""

    subject: str
    email: str | None = None
    email_verified: bool = False
    username: str = ""
    first_name: str = ""
    last_name: str = ""
    groups: frozenset[str] | None = frozenset()


def read_identity(id_token: Claims, userinfo: Claims | None, *, groups_claim: str) -> Identity:
    """The identity from the checked claims of an ID token and the answer of the user information endpoint.

    Raises:
        AnswerRefused: there is no usable `sub`, or the two differ.
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
    claimed = {
        truth(source.get("email_verified"))
        for source in sources
        if claimed_address(source.get("email")) == email
    }
    return True in claimed and False not in claimed


def truth(value: object) -> bool | None:
    """The value of a boolean claim in any of its forms; None if it is not boolean.

    Providers send a JSON boolean, `"true"`, or 1 (zitadel/oidc #137, Amazon Cognito).
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
    """The first readable text of the claim, with a length and characters that every database accepts."""
    return _first(_cleaned(source.get(claim)) for source in sources) or ""


def _cleaned(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    # Removes control characters, format characters (some reverse the direction of text) and surrogates.
    printable = "".join(
        each for each in value[: 4 * MAX_NAME_LENGTH] if unicodedata.category(each) not in _UNPRINTABLE
    )
    return " ".join(printable.split())[:MAX_NAME_LENGTH].strip() or None


_UNPRINTABLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


def _first(values: Iterator[str | None]) -> str | None:
    return next((each for each in values if each), None)


def _groups(sources: list[Claims], claim: str) -> frozenset[str] | None:
    """The groups from the first source that lists them; None if they are unknown.

    They are unknown if the claim is null or has another type, or if it is kept elsewhere: by reference in
    `_claim_names` (OpenID Connect Core 1.0, 5.6.2), or with `hasgroups`, which Microsoft's providers send for
    a user with too many groups. If the claim is missing, there are no groups: many providers omit an empty
    list.
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
    """The name of a group without the leading slash of a path, which some providers (Keycloak) send."""
    return text.removeprefix("/")


def _at(claims: Claims, path: str) -> object:
    """The claim with that name. A name with dots may be a path into nested objects (`realm_access.roles`)."""
    if path in claims:
        return claims[path]
    value: object = claims
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _is_null(claims: Claims, path: str) -> bool:
    """Whether the claim, or an object on its path, is null: then the value is unknown, not empty."""
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
