"""A scanner in a task of the test."""

import asyncio
from typing import Any

from marketdata.clock import SystemClock
from marketdata.runtime.cancellation import end
from marketdata.store.announcements import AnnouncementReader
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.leases import Lease
from marketdata.store.publisher import BlockPublisher
from marketdata.store.snapshots import SnapshotReader
from scanners.scanner import Scanner
from scanners.scanner.service import LEASE_TTL_MS

SHARDS = 2


class ScannerTask:
    """A scanner that runs in a task of the test."""

    def __init__(self, url: str, keys: Keys, owner: str, **settings: Any) -> None:
        self.redis = connect(url)
        self.stopping = asyncio.Event()
        self.scanner = Scanner(
            lease=Lease(self.redis, keys.scanner_lease(), owner, LEASE_TTL_MS),
            rows_news=AnnouncementReader(url, [keys.rows(shard) for shard in range(SHARDS)]),
            snapshots=SnapshotReader(self.redis, keys),
            publisher=BlockPublisher(self.redis, keys),
            keys=keys,
            shard_count=SHARDS,
            clock=SystemClock(),
            **settings,
        )
        self.task = asyncio.create_task(self.scanner.run(self.stopping))

    async def stop(self) -> None:
        """As SIGTERM does."""
        self.stopping.set()
        async with asyncio.timeout(10):
            await self.task

    async def kill(self) -> None:
        """As SIGKILL does: the lease is not given up."""
        await end(self.task)
        await self.redis.aclose()
