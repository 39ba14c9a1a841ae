"""The lease under which one subscription owns a shard."""

from collections.abc import Sequence
from typing import Final

from marketdata.transport.redis_lists.scripts import ACQUIRE, RELEASE, RENEW
from marketdata.transport.redis_lists.server import Server

LEASE_MS: Final = 3_000


class ShardLease:
    """Implements `marketdata.runtime.leadership.RenewableLease`.

    `keys`: the lease's own key; then, for each queue of the shard, its list and its unacknowledged batches.
    Acquiring and releasing put these batches back into the list, whose lifetime is `queue_ttl_ms`. For this
    reason an expired lease is not renewed but acquired again. All methods raise the errors of
    `Server.script`.
    """

    ttl_ms: Final = LEASE_MS

    def __init__(self, server: Server, keys: Sequence[str], owner: str, *, queue_ttl_ms: int) -> None:
        self._server = server
        self._keys = keys
        self._owner = owner
        self._queue_ttl_ms = queue_ttl_ms

    async def acquire(self) -> bool:
        """Take the lease if it is free or ours, and put back the unacknowledged batches."""
        return bool(
            await self._server.script(ACQUIRE, self._keys, self._owner, self.ttl_ms, self._queue_ttl_ms)
        )

    async def renew(self) -> bool:
        """Prolong the lease; False when it expired or belongs to another owner."""
        return bool(await self._server.script(RENEW, self._keys[:1], self._owner, self.ttl_ms))

    async def release(self) -> None:
        """Put back the unacknowledged batches and free the shard. No effect if the lease is not ours."""
        await self._server.script(RELEASE, self._keys, self._owner, self._queue_ttl_ms)
