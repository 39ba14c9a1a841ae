"""One metrics page for a parent and its workers: their samples side by side, told apart by a label."""

from collections.abc import Iterable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

WORKER_LABEL: Final = "worker"


def merged_pages(own: bytes, of_workers: Mapping[str, bytes]) -> bytes:
    """The pages in the Prometheus text format as one; the samples of a worker bear its name as `worker`.

    Nothing is added up, since no one rule fits counters, gauges and the counters of a worker that
    started anew: a sum over the label gives what one process would have shown.

    Raises:
        ValueError: a page is not in the Prometheus text format.
    """
    merged = {family.name: family for family in _families(own)}
    for worker, page in of_workers.items():
        for family in _families(page):
            target = merged.setdefault(
                family.name, Metric(family.name, family.documentation, family.type, family.unit)
            )
            target.samples += [
                sample._replace(labels={**sample.labels, WORKER_LABEL: worker}) for sample in family.samples
            ]
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(merged.values()))
    return generate_latest(registry)


def _families(page: bytes) -> Iterable[Metric]:
    return text_string_to_metric_families(page.decode())


class _Collected(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families
