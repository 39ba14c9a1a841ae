"""Addresses and domains as proof of who somebody is: whole, exact, and never folded together.

A domain is compared in its ASCII form of IDNA 2008, in which `straße.de` and `strasse.de` are two domains
(RFC 5891). What an operator typed may be mapped first as browsers do (UTS 46, non-transitional); what a
provider claims may differ from that form in the case of ASCII letters only.
"""

import string
from typing import Final

import idna

MAX_ADDRESS_LENGTH: Final = 254
"""Of RFC 5321, and of the database."""
_LOWER: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_FORBIDDEN_IN_LOCAL_PART: Final = frozenset('"(),:;<>@[\\]')


def claimed_domain(text: str) -> str | None:
    """The ASCII form of a domain that a provider names; None when it is none."""
    return _ascii_form(text.translate(_LOWER), mapped=False)


def listed_domain(text: str) -> str | None:
    """The ASCII form of a domain that an operator typed; None when it is none."""
    return _ascii_form(text, mapped=True)


def claimed_address(text: object) -> str | None:
    """A whole address (`local@domain`), its domain in ASCII form; None for anything else.

    The local part keeps its spelling but for the case of ASCII letters, which no provider tells apart.
    """
    return _address(text, mapped=False)


def listed_address(text: str) -> str | None:
    """As `claimed_address`, for what an operator typed."""
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
    # A dot at the end is a way to write a name for a resolver, and no part of an address.
    if text.endswith((".", "\u3002")) or "." not in text:
        return None
    try:
        return idna.encode(text, uts46=mapped, std3_rules=True).decode("ascii").translate(_LOWER)
    except (idna.IDNAError, UnicodeError):
        return None
