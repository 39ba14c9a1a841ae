"""The role of owning the one connection to the provider. A listener or a recorder holds it."""

from typing import Final

from marketdata.runtime.leadership import Leadership, RenewableLease, UncontestedLease, WhenUnreachable

LEASE_TTL_MS: Final = 3_000
"""Short enough that a standby listens within 4 s after the leader was killed."""


def connection_role(lease: RenewableLease | None) -> Leadership:
    """The role under this lease; without a lease, this process always holds it.

    A listener goes on while the cache is unreachable: the feed still works, and usually no other listener
    can acquire the lease either. If another one does reach the cache, the provider closes one of the two
    connections, and that listener waits as after any refusal.
    """
    return Leadership(lease or UncontestedLease(), role="listener", when_unreachable=WhenUnreachable.LEAD_ON)
