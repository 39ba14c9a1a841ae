"""Normalises e-mail addresses and domains so that they can be compared exactly.

They decide who may log in, so two different addresses must never become equal. Domains are compared in the
ASCII form of IDNA 2008, in which `straße.de` and `strasse.de` differ (RFC 5891). A domain that an operator
typed is first mapped as browsers do (UTS 46, non-transitional). A domain in a claim of the provider is not
mapped, except that ASCII letters become lower case.
"""

import string
from typing import Final

import idna

MAX_ADDRESS_LENGTH: Final = 254
"""The limit of RFC 5321, and of the database."""
_LOWER: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_FORBIDDEN_IN_LOCAL_PART: Final = frozenset('"(),:;<>@[\\]')


def claimed_domain(text: str) -> str | None:
    """The ASCII form of a domain from a claim; None if the text is not a domain."""
    return _ascii_form(text.translate(_LOWER), mapped=False)


def listed_domain(text: str) -> str | None:
    """The ASCII form of a domain that an operator typed; None if the text is not a domain."""
    return _ascii_form(text, mapped=True)


def claimed_address(text: object) -> str | None:
    """The normal form of an address (`local@domain`) from a claim; None if it is not an address.

    The domain gets its ASCII form. ASCII letters of the local part become lower case, because no provider
    distinguishes them.
    """
    return _address(text, mapped=False)


def listed_address(text: str) -> str | None:
    """The same as `claimed_address`, for an address that an operator typed."""
    return _address(text, mapped=True)


def _address(text: object, *, mapped: bool) -> str | None:
    if not isinstance(text, str) or len(text) > MAX_ADDRESS_LENGTH:
        return None
    local, at, domain = text.partition("@")
    if not local or not at or not _is_local_part(local):
        return None
    ascii_domain = listed_domain(domain) if mapped else claimed_domain(domain)
    address = f"{local.translate(_LOWER)}@{ascii_domain}"
    return address if ascii_domain and len(address) <= MAX_ADDRESS_LENGTH else None


def _is_local_part(text: str) -> bool:
    return text.isprintable() and not any(
        character.isspace() or character in _FORBIDDEN_IN_LOCAL_PART for character in text
    )


def _ascii_form(text: str, *, mapped: bool) -> str | None:
    # A trailing dot belongs to the notation of DNS resolvers, not to an address.
    if text.endswith((".", "\u3002")) or "." not in text:
        return None
    try:
        return idna.encode(text, uts46=mapped, std3_rules=True).decode("ascii").translate(_LOWER)
    except (idna.IDNAError, UnicodeError):
        return None
