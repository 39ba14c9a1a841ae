"""Revisions, runs of actions and the audit in the admin, read only."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone

from mdp_site.control_plane.csv_export import AUDIT_COLUMNS, audit_cells, csv_line
from mdp_site.control_plane.history import Difference, own_changes
from mdp_site.control_plane.models import ActionRun, AuditEntry, Revision
from mdp_site.control_plane.presentation import value_text
from mdp_site.read_only_admin import ReadOnlyAdmin

ROWS_AT_ONCE: Final = 1_000


class KeptAdmin(ReadOnlyAdmin):
    """Rows that can only be viewed."""

    list_per_page = 50
    show_full_result_count = False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """False for all users."""
        return False


@admin.register(Revision)
class RevisionAdmin(KeptAdmin):
    """The revisions of all services: what each changed, who made it, and what became of it."""

    list_display = ("service", "number", "at", "who", "changes", "reason", "outcome", "outcome_text")
    list_filter = ("service", "outcome", "at")
    search_fields = ("who", "reason", "outcome_text")
    date_hierarchy = "at"
    fields = (
        "service",
        "number",
        "at",
        "who",
        "reason",
        "changes",
        "given",
        "outcome",
        "outcome_text",
        "outcome_at",
        "applied_by",
    )
    readonly_fields = ("changes",)

    @admin.display(description="changes")
    def changes(self, revision: Revision) -> str:
        """What the revision changed."""
        return _changes_text(own_changes(revision))


@admin.register(ActionRun)
class ActionRunAdmin(KeptAdmin):
    """What operators did with an action, and what became of it."""

    list_display = ("at", "who", "action", "service", "values", "reason", "outcome", "outcome_text")
    list_filter = ("outcome", "action", "service", "at")
    search_fields = ("who", "reason", "impact", "outcome_text")
    date_hierarchy = "at"
    fields = (
        "at",
        "who",
        "action",
        "service",
        "values",
        "impact",
        "reason",
        "outcome",
        "outcome_text",
        "outcome_at",
        "revision",
        "sent_at",
        "expected",
        "done_by",
    )
    readonly_fields = ("values",)

    @admin.display(description="arguments")
    def values(self, run: ActionRun) -> str:
        """The arguments."""
        return _arguments_text(run.arguments)


@admin.register(AuditEntry)
class AuditAdmin(KeptAdmin):
    """Who did or tried what, when, from where, why, and with what result."""

    list_display = ("at", "who", "origin", "service", "action", "revision", "changes", "reason", "result")
    list_filter = ("service", "action", "at")
    search_fields = ("who", "origin", "service", "action", "reason", "result")
    date_hierarchy = "at"
    fields = AUDIT_COLUMNS
    actions = ("export_csv",)

    @admin.display(description="changes")
    def changes(self, entry: AuditEntry) -> str:
        """The changed values, before and after. What has nothing before has arguments, as an action."""
        if entry.before is None:
            return _arguments_text(entry.after or {})
        before, after = entry.before, entry.after or {}
        names = sorted(before.keys() | after.keys())
        return _changes_text({name: Difference(before.get(name), after.get(name)) for name in names})

    @admin.action(description="Export selected entries as CSV", permissions=["view"])
    def export_csv(self, _request: HttpRequest, entries: QuerySet[AuditEntry]) -> StreamingHttpResponse:
        """The chosen entries as a file. They are read and sent in parts."""
        name = f"audit-{timezone.now():%Y%m%d-%H%M%S}.csv"
        return StreamingHttpResponse(
            _csv(entries),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )


async def _csv(entries: QuerySet[AuditEntry]) -> AsyncIterator[str]:
    yield csv_line(AUDIT_COLUMNS)
    async for entry in entries.aiterator(chunk_size=ROWS_AT_ONCE):
        yield csv_line(audit_cells(entry))


def _arguments_text(arguments: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value_text(value)}" for name, value in arguments.items())


def _changes_text(differences: Mapping[str, Difference]) -> str:
    return "; ".join(
        f"{name}: {value_text(each.before)} → {value_text(each.after)}" for name, each in differences.items()
    )
