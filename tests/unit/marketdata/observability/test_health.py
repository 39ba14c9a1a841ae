"""Whether a process is alive, judged by its own event loop, and what its metrics are called."""

import re

from prometheus_client import Counter, Gauge, Histogram

from marketdata.observability import metrics
from marketdata.observability.health import STUCK_AFTER_SECONDS, HealthServer, LoopHeartbeat
from tests.support.health_client import probe
from tests.support.manual_clock import ManualClock

ALLOWED_LABELS = {"queue", "reason", "shard", "status", "outcome", "endpoint", "kind", "channel", "state"}


async def test_a_loop_that_no_longer_runs_its_timers_is_not_alive() -> None:
    clock = ManualClock()
    heartbeat = LoopHeartbeat(clock)
    async with HealthServer("example", dict, host="127.0.0.1", port=0, heartbeat=heartbeat) as server:
        assert (await probe(server.port, "/healthz"))[0] == 200
        clock.advance(STUCK_AFTER_SECONDS + 1)
        assert (await probe(server.port, "/healthz"))[0] == 503
        heartbeat.beat()
        assert (await probe(server.port, "/healthz"))[0] == 200


async def test_a_server_can_be_closed_twice() -> None:
    server = HealthServer("example", dict, host="127.0.0.1", port=0)
    await server.start()
    await server.close()
    await server.close()


def test_every_metric_has_the_prefix_a_unit_and_few_labels() -> None:
    found = [value for value in vars(metrics).values() if isinstance(value, Counter | Gauge | Histogram)]

    assert len(found) > 50
    for metric in found:
        (family,) = metric.describe()
        assert re.fullmatch(r"mdp(_[a-z]+)+", family.name), family.name
        assert family.documentation
        assert set(metric._labelnames) <= ALLOWED_LABELS, family.name
        if isinstance(metric, Histogram):
            assert family.name.endswith("_seconds")
