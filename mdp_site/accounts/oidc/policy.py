"""The policy of who may log in."""

from collections.abc import Iterable

from mdp_site.accounts.oidc.addresses import listed_address, listed_domain
from mdp_site.accounts.oidc.claims import Identity


def may_enter(identity: Identity, *, domains: Iterable[str], emails: Iterable[str]) -> bool:
    """Whether the identity is on one of the lists. If both are empty, everyone at the provider may enter.

    Only an address that the provider has verified counts: some providers let people enter any address.
    """
    listed_domains = {listed_domain(each) for each in domains}
    listed_emails = {listed_address(each) for each in emails}
    if not listed_domains and not listed_emails:
        return True
    if identity.email is None or not identity.email_verified:
        return False
    return identity.email in listed_emails or identity.email.partition("@")[2] in listed_domains
