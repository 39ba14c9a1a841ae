"""An owner that is killed (-9): a standby owns the shard within 5 s and gets the unacknowledged batches."""

import asyncio
import sys

from marketdata.clock import SystemClock
from marketdata.transport.queues import QueueLimits, QueueName
from marketdata.transport.registry import create_transport
from tests.support.deadlines import scaled
from tests.support.transports import batches, receive, sequences

TAKEOVER_SECONDS = 5.0
LIMITS = QueueLimits(ttl_ms=60_000)
OWNER = """
import asyncio, sys
from marketdata.clock import SystemClock
from marketdata.transport.queues import QueueLimits, QueueName
from marketdata.transport.registry import create_transport

async def own(url, prefix):
    limits = QueueLimits(ttl_ms=60_000)
    transport = create_transport(url, prefix=prefix, shard_count=1, limits=limits, clock=SystemClock())
    async with transport:
        subscription = transport.subscribe(0, list(QueueName), prefetch=500)
        await subscription.acquire()
        held = 0
        while held < 2:
            held += len(await subscription.receive(wait_seconds=1))
        print("holding", flush=True)
        while True:
            await subscription.receive(wait_seconds=1)

asyncio.run(own(*sys.argv[1:]))
"""


async def test_a_standby_replaces_a_killed_owner(queues_url: str, unique_prefix: str) -> None:
    transport = create_transport(
        queues_url, prefix=unique_prefix, shard_count=1, limits=LIMITS, clock=SystemClock()
    )
    async with transport:
        await transport.publish(batches(1, 2))
        owner = await asyncio.create_subprocess_exec(
            sys.executable, "-c", OWNER, queues_url, unique_prefix, stdout=asyncio.subprocess.PIPE
        )
        try:
            assert owner.stdout is not None
            async with asyncio.timeout(scaled(20)):
                assert await owner.stdout.readline() == b"holding\n"
            subscription = transport.subscribe(0, list(QueueName), prefetch=500)
            acquiring = asyncio.create_task(subscription.acquire())
            await transport.publish(batches(3))
            assert not acquiring.done()
        finally:
            owner.kill()
            await owner.wait()
        await asyncio.wait_for(acquiring, scaled(TAKEOVER_SECONDS))
        assert sequences(await receive(subscription, 3)) == [1, 2, 3]
