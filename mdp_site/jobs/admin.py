"""Admin pages for scheduled, waiting and finished jobs. Operators choose jobs from a list."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django_q.models import Failure, OrmQ, Schedule, Success, Task

from mdp_site.control_plane.actors import actor_of
from mdp_site.control_plane.audit import note
from mdp_site.jobs.intervals import TYPES, interval_refusal
from mdp_site.jobs.offered import JOBS, JOBS_SERVICE, OFFERED
from mdp_site.jobs.outcomes import outcome_line
from mdp_site.jobs.schedules import FOR_EVER, schedule_values
from mdp_site.read_only_admin import ReadOnlyAdmin


def _job_title(function: str) -> str:
    return JOBS.get(function, f"{function} (not a job of the platform: it does not run)")


class ScheduleForm(forms.ModelForm):  # type: ignore[type-arg]  # generic only in the stubs
    """The form of a schedule: the job, the interval, and the next run, within the bounds of the job."""

    func = forms.ChoiceField(label="Job", choices=lambda: list(JOBS.items()))
    schedule_type = forms.ChoiceField(
        label="How often",
        choices=[choice for choice in Schedule.TYPE if choice[0] in TYPES],
    )

    class Meta:
        """The fields. Hook and arguments are omitted: the platform's jobs have none."""

        model = Schedule
        fields = ("name", "func", "schedule_type", "minutes", "next_run")

    def clean(self) -> dict[str, Any]:
        """Refuse an interval or a next run that is outside the bounds of the job."""
        given: dict[str, Any] = super().clean() or {}
        kind, job = given.get("schedule_type"), OFFERED.get(given.get("func", ""))
        if kind is None or job is None:
            return given
        if refusal := interval_refusal(job, kind, given.get("minutes")):
            self.add_error("minutes" if kind == Schedule.MINUTES else "schedule_type", refusal)
        latest = timezone.now() + dt.timedelta(minutes=job.longest_minutes)
        if (next_run := given.get("next_run")) is None or next_run > latest:
            self.add_error("next_run", f"Accepted: a time until {latest:%Y-%m-%d %H:%M} UTC.")
        self.instance.repeats = FOR_EVER
        return given


class ScheduleAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The schedules of jobs. Each change is an entry of the audit."""

    form = ScheduleForm
    list_display = ("name", "job", "schedule_type", "minutes", "next_run", "succeeded", "outcome")
    search_fields = ("name",)
    actions = ("run_now",)

    @admin.display(description="Job", ordering="func")
    def job(self, schedule: Schedule) -> str:
        """The title of the job."""
        return _job_title(schedule.func)

    @admin.display(description="Last run", boolean=True)
    def succeeded(self, schedule: Schedule) -> bool | None:
        """Whether the last run succeeded; None if no run has ended."""
        last = _last_run(schedule)
        return None if last is None else last.success

    @admin.display(description="Outcome")
    def outcome(self, schedule: Schedule) -> str:
        """What the last run did, or why it failed, in one line."""
        last = _last_run(schedule)
        return "-" if last is None else outcome_line(last.result) or "-"

    @admin.action(description="Run the selected jobs now", permissions=["change"])
    def run_now(self, request: HttpRequest, schedules: "QuerySet[Schedule]") -> None:
        """Make the schedules due. The job processes look for due schedules twice a minute."""
        names = [schedule.name or schedule.func for schedule in schedules]
        count = schedules.update(next_run=timezone.now())
        _note(request, "jobs run now", after={"schedules": names})
        self.message_user(request, f"{count} jobs will run within a minute.")

    def save_model(self, request: HttpRequest, obj: Schedule, form: forms.ModelForm, change: bool) -> None:  # type: ignore[type-arg]
        """Save it, and note in the audit what changed."""
        stored = Schedule.objects.filter(pk=obj.pk).first() if change else None
        before, after = ({} if stored is None else schedule_values(stored)), schedule_values(obj)
        super().save_model(request, obj, form, change)
        changed = {name for name in after if before.get(name) != after[name]}
        _note(
            request,
            "schedule changed" if change else "schedule made",
            before={name: before[name] for name in before if name in changed},
            after={name: after[name] for name in after if name in changed},
            subject=obj.name or obj.func,
        )

    def delete_model(self, request: HttpRequest, obj: Schedule) -> None:
        """Delete it, and note that in the audit."""
        values = schedule_values(obj)
        super().delete_model(request, obj)
        _note(request, "schedule deleted", before=values, subject=obj.name or obj.func)

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[Schedule]") -> None:
        """Delete several, and note each in the audit."""
        for schedule in queryset:
            self.delete_model(request, schedule)


def _last_run(schedule: Schedule) -> Task | None:
    """The newest finished run of the job, without the columns that are not shown."""
    runs = Task.objects.filter(func=schedule.func).defer("args", "kwargs", "hook")
    return runs.order_by("-stopped").first()


def _note(
    request: HttpRequest,
    action: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    subject: str = "",
) -> None:
    note(
        actor_of(request),
        service=JOBS_SERVICE,
        action=action,
        before=before,
        after=after,
        result=f"done: {subject}" if subject else "done",
    )


class FinishedAdmin(ReadOnlyAdmin):
    """Finished jobs. Their arguments and hooks are not read from the database."""

    fields = ("name", "job", "started", "stopped", "attempt_count", "cluster", "outcome")
    readonly_fields = fields
    list_display = ("name", "job", "started", "stopped", "outcome_in_short")
    search_fields = ("name", "func")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        """The rows, without the columns that are not shown."""
        return super().get_queryset(request).defer("args", "kwargs", "hook")

    @admin.display(description="Job", ordering="func")
    def job(self, task: Task) -> str:
        """The title of the job."""
        return _job_title(task.func)

    @admin.display(description="Outcome")
    def outcome(self, task: Task) -> str:
        """The result of the job, or the reason of its failure."""
        return task.result if isinstance(task.result, str) else "-"

    @admin.display(description="Outcome")
    def outcome_in_short(self, task: Task) -> str:
        """The first line of the outcome, shortened."""
        return outcome_line(task.result)


class WaitingAdmin(ReadOnlyAdmin):
    """Jobs that wait or run. A job that runs is locked until `lock`."""

    fields = ("order", "lock")
    readonly_fields = fields
    list_display = ("id", "order", "lock")

    @admin.display(description="Order")
    def order(self, waiting: OrmQ) -> str:
        """The order as it is stored. It is shown as text and not interpreted."""
        return str(waiting.payload)[:1_000]


def replace_django_q_pages() -> None:
    """Replace the admin pages of django-q2, which accept any function, hook and arguments."""
    for model, pages in (
        (Schedule, ScheduleAdmin),
        (Success, FinishedAdmin),
        (Failure, FinishedAdmin),
        (OrmQ, WaitingAdmin),
    ):
        if admin.site.is_registered(model):
            admin.site.unregister(model)
        admin.site.register(model, pages)
