"""Services and revisions as values for JSON. The terminal prints its texts from the same values."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from marketdata.control import Given, Report
from marketdata.runtime.settings import ServiceSettings, declarations
from mdp_site.control_plane.history import Difference
from mdp_site.control_plane.models import ActionRun, Revision


def revision_values(revision: Revision) -> dict[str, Any]:
    """A revision, with what became of it. Times are ISO 8601 in UTC."""
    return {
        "service": revision.service,
        "revision": revision.number,
        "given": revision.given,
        "who": revision.who,
        "at": revision.at.isoformat(timespec="seconds"),
        "reason": revision.reason,
        "outcome": revision.outcome,
        "explanation": revision.outcome_text,
        "outcome_at": revision.outcome_at.isoformat(timespec="seconds") if revision.outcome_at else None,
        "applied_by": revision.applied_by,
    }


def run_values(run: ActionRun) -> dict[str, Any]:
    """A run, for JSON. Times are ISO 8601 in UTC."""
    return {
        "id": str(run.pk),
        "action": run.action,
        "service": run.service,
        "arguments": run.arguments,
        "impact": run.impact,
        "who": run.who,
        "at": run.at.isoformat(timespec="seconds"),
        "reason": run.reason,
        "revision": run.revision,
        "outcome": run.outcome,
        "explanation": run.outcome_text,
        "outcome_at": run.outcome_at.isoformat(timespec="seconds") if run.outcome_at else None,
        "done_by": run.done_by,
    }


def setting_values(wanted: ServiceSettings, given: Given) -> list[dict[str, Any]]:
    """Each setting: its wanted value as a text, whether an operator gave it, and what is accepted."""
    return [
        {
            "name": name,
            "value": declared.text(getattr(wanted, name)),
            "given": name in given,
            "accepted": declared.accepted,
            "applies": declared.applies.value,
            "explanation": declared.explanation,
        }
        for name, declared in declarations(type(wanted)).items()
    ]


def report_values(report: Report, wanted: ServiceSettings) -> dict[str, Any]:
    """What a process reports; `differing` has the values, as texts, that are not the wanted ones."""
    known = declarations(type(wanted))
    texts = {name: known[name].text(value) for name, value in report.values.items() if name in known}
    differing = {
        name: text for name, text in texts.items() if text != known[name].text(getattr(wanted, name))
    }
    return {
        "source": report.source,
        "revision": report.version,
        "differing": differing,
        "refused_revision": report.refused_version,
        "refusal": report.refusal,
        "facts": list(report.facts),
    }


def difference_values(differences: Mapping[str, Difference]) -> dict[str, Any]:
    """The settings that differ; null is the value of the environment."""
    return {name: {"before": each.before, "after": each.after} for name, each in differences.items()}


def as_json(values: Mapping[str, Any] | Sequence[Any]) -> str:
    """The values as JSON, in lines that people can read."""
    return msgspec.json.format(msgspec.json.encode(values), indent=2).decode()


def value_text(value: Any) -> str:
    """A value in a line of text; None is the value of the environment."""
    return "(environment)" if value is None else msgspec.json.encode(value).decode()


def described(revision: Revision, differences: Mapping[str, Difference]) -> str:
    """Who made a revision, when, what it changed, and why, in one line."""
    values = ", ".join(f"{name}={value_text(each.after)}" for name, each in differences.items())
    reason = f" ({revision.reason})" if revision.reason else ""
    at = f"{revision.at:%Y-%m-%d %H:%M:%S}"
    return f"{revision.number} by {revision.who} at {at} UTC: {values or 'no change'}{reason}"
