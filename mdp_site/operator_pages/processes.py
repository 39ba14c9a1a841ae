"""What each process of a service applies, beside what is wanted of it."""

from collections.abc import Sequence
from typing import NamedTuple

from marketdata.control import Report
from marketdata.control.views import Life, Overview
from marketdata.errors import MarketDataError
from marketdata.runtime.settings import declarations
from mdp_site.control_plane.connected import reports_of
from mdp_site.operator_pages.held_settings import HeldSettings


class DifferingValue(NamedTuple):
    """A setting of which a process applies another value than the wanted one, as texts."""

    name: str
    applied: str
    wanted: str


class ProcessRow(NamedTuple):
    """A process. `applied` is the version of its settings, None if it is not known."""

    identity: str
    name: str
    place: str
    role: str
    life: Life
    applied: int | None
    differing: Sequence[DifferingValue]
    refusal: str
    facts: Sequence[str]


class Reported(NamedTuple):
    """The reports of the processes of a service; `unread` says why there are none."""

    reports: Sequence[Report]
    unread: str = ""


async def reported(service: str) -> Reported:
    """What the processes of a service report, or why that cannot be read."""
    try:
        return Reported(await reports_of(service))
    except MarketDataError as error:
        return Reported((), str(error))


def process_rows(held: HeldSettings, overview: Overview, said: Reported) -> list[ProcessRow]:
    """The processes of a service that run or fell silent, in the order of the overview.

    The overview knows the processes, and their reports on settings have the values.
    """
    by_source = {each.source: each for each in said.reports}
    rows = []
    for view in overview.processes:
        settings = view.report.status.settings
        if view.report.service != held.steered.name or settings is None or view.life is Life.ENDED:
            continue
        report = by_source.get(view.report.identity)
        rows.append(
            ProcessRow(
                identity=view.report.identity,
                name=view.report.name,
                place=f"{view.report.host}:{view.report.pid}",
                role=view.report.status.role,
                life=view.life,
                applied=report.version if report else settings.applied_version,
                differing=_differing(held, report) if report else (),
                refusal=_refusal(settings.refused_version, settings.refusal),
                facts=report.facts if report else (),
            )
        )
    return rows


def _differing(held: HeldSettings, report: Report) -> list[DifferingValue]:
    """The values that are not the wanted ones. A process may have another environment than this one."""
    texts = [
        (name, each.text(report.values[name]), each.text(getattr(held.wanted, name)))
        for name, each in declarations(held.steered.kind).items()
        if name in report.values
    ]
    return [DifferingValue(*each) for each in texts if each[1] != each[2]]


def _refusal(version: int, refusal: str) -> str:
    return f"refuses revision {version}: {refusal}" if refusal else ""
