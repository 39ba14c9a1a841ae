"""The role of the one listener: the provider ends one of two connections of the same account."""

import asyncio
import contextlib
import enum

from marketdata.errors import StoreUnavailable
from marketdata.observability.logs import get_logger
from marketdata.runtime.backoff import stopped_within
from marketdata.store.leases import Lease

log = get_logger(__name__)


class LeaseKeeper:
    """Holds the role of the one listener, or stands by for it. Without a lease the role is always ours."""

    def __init__(self, lease: Lease | None) -> None:
        self._lease = lease
        self.trouble = "not acquired yet" if lease else ""

    async def acquire(self, stopping: asyncio.Event) -> bool:
        """Wait until the role is ours; False when `stopping` came first."""
        while await self._renew() is not _Renewal.OURS:
            if await stopped_within(stopping, self._renewal_seconds):
                return False
        return True

    async def set_at_end(self, ending: asyncio.Event, stopping: asyncio.Event) -> None:
        """Renew the lease, and set `ending` when `stopping` is set or another listener took it.

        A cache that is away takes nothing from us: no other listener can get the lease from it
        either, and the feed goes on. (Where only the other one still reaches the cache, the provider
        ends one of the two connections, and that listener waits as after any refusal.)
        """
        try:
            while not await stopped_within(stopping, self._renewal_seconds):
                if await self._renew() is _Renewal.TAKEN:
                    log.error("lease lost", lease="listener")
                    return
                self.trouble = ""
        finally:
            ending.set()

    async def release(self) -> None:
        """Give the role up at once rather than when the lease expires."""
        if self._lease is not None:
            with contextlib.suppress(StoreUnavailable):
                await self._lease.release()

    @property
    def _renewal_seconds(self) -> float:
        return self._lease.ttl_ms / 3_000 if self._lease is not None else 60.0

    async def _renew(self) -> "_Renewal":
        if self._lease is None:
            return _Renewal.OURS
        try:
            ours = await self._lease.renew()
        except StoreUnavailable as error:
            self.trouble = str(error)
            return _Renewal.UNCERTAIN
        self.trouble = "" if ours else "another listener holds it"
        return _Renewal.OURS if ours else _Renewal.TAKEN


class _Renewal(enum.Enum):
    OURS = enum.auto()
    TAKEN = enum.auto()
    UNCERTAIN = enum.auto()
