"""Scenario `hostile` through the real client: one connection all along, all that is refused in a counter."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

import pytest
from msgspec import structs

from marketdata.listener import Listener
from marketdata.observability import metrics
from marketdata.providers.massive.client import MassiveProvider
from marketdata.providers.massive.configuration import MassiveConfiguration
from marketdata.simulator.service import SimulatorService
from marketdata.synthetic_market.defects import Defect
from marketdata.synthetic_market.scenarios import SCENARIOS
from marketdata.transport.queues import QueueLimits
from tests.support.deadlines import eventually, scaled
from tests.support.hostile_reasons import REASONS, by_reason
from tests.support.memory_transport import MemoryBroker, MemoryTransport
from tests.support.running import running as running_service
from tests.support.simulator import FULL_KEY, faults_of, running, sent_defects_of, simulator_config

pytestmark = pytest.mark.timeout(scaled(120))

SHARDS: Final = 2
BY_PROCESSORS: Final = frozenset({"ahead", "other_day", "invalid_field"})
"""Reasons for which processors refuse events; all others are the listener's."""


def set_aside() -> Counter[str]:
    """The listener's own counters, by reason."""
    reasons = set(REASONS.values()) - BY_PROCESSORS
    counts = {reason: metrics.LISTENER_UNKNOWN.labels(reason=reason)._value.get() for reason in reasons}
    return Counter({reason: int(count) for reason, count in counts.items() if count})


def sent_to_be_set_aside(simulator: SimulatorService) -> Counter[str]:
    kinds: Mapping[Defect, int] = {Defect(kind): count for kind, count in sent_defects_of(simulator).items()}
    found = by_reason(kinds.items())
    return Counter({reason: count for reason, count in found.items() if reason not in BY_PROCESSORS})


async def test_a_hostile_feed_keeps_its_connection_and_what_is_refused_is_counted_by_reason() -> None:
    hostile = SCENARIOS["hostile"]
    config = structs.replace(simulator_config(), scenario=hostile, speed=60.0)
    limits = QueueLimits(ttl_ms=3_600_000, max_batches=100_000)
    before = set_aside()
    async with running(config) as simulator:
        listener = Listener(
            MassiveProvider(MassiveConfiguration(api_key=FULL_KEY, feed=simulator.address, secure=False)),
            MemoryTransport(MemoryBroker(), shard_count=SHARDS, limits=limits),
            shard_count=SHARDS,
            source="listener",
            ttl_ms=limits.ttl_ms,
        )
        async with running_service(listener):
            await eventually(lambda: set(sent_defects_of(simulator)) == set(hostile.defects), 60)
            (connection,) = faults_of(simulator).connections()
            faults_of(simulator).stalled = True
            sent = sent_to_be_set_aside(simulator)
            await eventually(lambda: (set_aside() - before).total() >= sent.total(), 20)
            assert set_aside() - before == sent
            assert list(faults_of(simulator).connections()) == [connection]
        books = listener.counters()
    dropped = sum(books.events_dropped.values())
    assert books.events_received == books.events_published + dropped + books.events_in_flight
