"""The lease under which one subscription owns a shard."""

from collections.abc import Sequence
from typing import Final

from marketdata.transport.redis_lists.scripts import ACQUIRE, RELEASE, RENEW
from marketdata.transport.redis_lists.server import Server

LEASE_MS: Final = 3_000


class ShardLease:
    """Implements `marketdata.runtime.leadership.RenewableLease`.

    `keys` are the lease's own, then for each queue of the shard its list and its loans: to acquire or to
    release puts back what is on loan, where it lives `queue_ttl_ms`. A lease that ran out is not renewed but
    acquired again, for the same reason. All methods raise the errors of `Server.script`.
    """

    ttl_ms: Final = LEASE_MS

    def __init__(self, server: Server, keys: Sequence[str], owner: str, *, queue_ttl_ms: int) -> None:
        self._server = server
        self._keys = keys
        self._owner = owner
        self._queue_ttl_ms = queue_ttl_ms

    async def acquire(self) -> bool:
        """Take the lease if it is free or ours, and put back what is on loan."""
        return bool(
            await self._server.script(ACQUIRE, self._keys, self._owner, self.ttl_ms, self._queue_ttl_ms)
        )

    async def renew(self) -> bool:
        """Prolong it; False when it ran out or went to another owner."""
        return bool(await self._server.script(RENEW, self._keys[:1], self._owner, self.ttl_ms))

    async def release(self) -> None:
        """Put back what is on loan and free the shard. No effect if the lease is not ours."""
        await self._server.script(RELEASE, self._keys, self._owner, self._queue_ttl_ms)
