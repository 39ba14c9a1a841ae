"""The role of the one connection to the provider, which a listener or a recorder holds."""

from typing import Final

from marketdata.runtime.leadership import Leadership, RenewableLease, UncontestedLease, WhenUnreachable

LEASE_TTL_MS: Final = 3_000
"""A standby listens within 4 s of a kill."""


def connection_role(lease: RenewableLease | None) -> Leadership:
    """The role under this lease; without one it is always ours.

    A cache that is away takes nothing from a listener, since the feed goes on and no other listener can
    get the lease from that cache either. Where only the other one still reaches the cache, the provider ends
    one of the two connections, and that listener waits as after any refusal.
    """
    return Leadership(lease or UncontestedLease(), role="listener", when_unreachable=WhenUnreachable.LEAD_ON)
