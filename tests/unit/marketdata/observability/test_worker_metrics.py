"""A parent's metrics page holds its workers' samples, told apart by a label and readable as one page."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from marketdata.observability.worker_metrics import merged_pages


def page(events: int, *, ready: int) -> bytes:
    registry = CollectorRegistry()
    counter = Counter("mdp_events_total", "Events", ["queue"], registry=registry)
    counter.labels("trades").inc(events)
    Gauge("mdp_service_ready", "Ready", registry=registry).set(ready)
    Histogram("mdp_age_seconds", "Age", buckets=(1.0,), registry=registry).observe(events)
    return generate_latest(registry)


def samples(merged: bytes, name: str) -> dict[str, float]:
    """Worker -> value of all samples of a name; the parent is the empty worker."""
    return {
        sample.labels.get("worker", ""): sample.value
        for family in text_string_to_metric_families(merged.decode())
        for sample in family.samples
        if sample.name == name
    }


def test_samples_of_parent_and_workers_stand_side_by_side() -> None:
    merged = merged_pages(page(0, ready=1), {"w-0": page(2, ready=1), "w-1": page(3, ready=0)})
    assert samples(merged, "mdp_events_total") == {"": 0, "w-0": 2, "w-1": 3}
    assert samples(merged, "mdp_service_ready") == {"": 1, "w-0": 1, "w-1": 0}
    assert samples(merged, "mdp_age_seconds_sum") == {"": 0, "w-0": 2, "w-1": 3}


def test_every_family_is_declared_once() -> None:
    merged = merged_pages(page(0, ready=1), {"w-0": page(2, ready=1), "w-1": page(3, ready=0)})
    declared = [line for line in merged.decode().splitlines() if line.startswith("# TYPE")]
    assert len(declared) == len(set(declared))


def test_a_family_that_only_a_worker_has_is_kept() -> None:
    merged = merged_pages(b"", {"w-0": page(2, ready=1)})
    assert samples(merged, "mdp_events_total") == {"w-0": 2}
