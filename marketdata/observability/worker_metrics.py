"""Merges the metrics pages of a parent and its workers into one page, in which a label names the worker."""

from collections.abc import Iterable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

WORKER_LABEL: Final = "worker"


def merged_pages(own: bytes, of_workers: Mapping[str, bytes]) -> bytes:
    """The pages (Prometheus text format) as one. The samples of a worker get the label `worker` with its
    name.

    Values are not added, since no single rule fits counters, gauges, and counters of restarted workers. A
    query that sums over the label gives the value of the whole service.

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
