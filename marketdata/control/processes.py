"""What the processes of a service report about the wanted settings: all of them follow the same record."""

from collections.abc import Sequence

from marketdata.control.effects import Effect, Report, RevisionOutcome
from marketdata.runtime.live_settings import read_actual
from marketdata.store.service_records import ServiceRecords


class ProcessFollowers:
    """The processes of a service, each with a report of its own. Implements `Followers`."""

    def __init__(self, records: ServiceRecords) -> None:
        self._records = records

    async def reports(self) -> Sequence[Report]:
        """The reports of the last seconds, in the order of the processes' names."""
        stored = [read_actual(record) for record in await self._records.actual_of_instances()]
        return [
            Report(
                source=each.source,
                version=each.version,
                values=each.values,
                refused_version=each.refused_version,
                refusal=each.refusal,
            )
            for each in sorted(stored, key=lambda actual: actual.source)
        ]

    async def effect(self, version: int) -> Effect:
        """What became of this version so far: it is applied when every reporting process applies it."""
        return judge_processes(version, await self.reports())


def judge_processes(version: int, reports: Sequence[Report]) -> Effect:
    """What became of a version, by the reports. A process with a later version has overtaken it."""
    for each in reports:
        if each.refused_version == version:
            return Effect(RevisionOutcome.REFUSED, f"refused by {each.source}: {each.refusal}")
    missing = [each.source for each in reports if each.version < version]
    applied = tuple(each.source for each in reports if each.version == version)
    if not reports:
        return Effect(RevisionOutcome.PENDING, "no process reports")
    if missing:
        return Effect(RevisionOutcome.PENDING, f"not applied by {', '.join(missing)}", applied)
    if not applied:
        newest = max(each.version for each in reports)
        return Effect(RevisionOutcome.OVERTAKEN, f"overtaken by version {newest}")
    return Effect(RevisionOutcome.APPLIED, f"applied by {len(applied)} of {len(reports)} processes", applied)
