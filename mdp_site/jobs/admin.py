"""Admin pages for scheduled, waiting and finished jobs. Operators choose jobs from a list."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django_q.models import Failure, OrmQ, Schedule, Success, Task

from mdp_site.jobs.offered import JOBS
from mdp_site.read_only_admin import ReadOnlyAdmin


def _job_title(function: str) -> str:
    return JOBS.get(function, f"{function} (not a job of the platform: it does not run)")


class ScheduleForm(forms.ModelForm):  # type: ignore[type-arg]  # generic only in the stubs
    """The form of a schedule: the job, the interval, and the next run."""

    func = forms.ChoiceField(label="Job", choices=lambda: list(JOBS.items()))
    schedule_type = forms.ChoiceField(
        label="How often",
        choices=[choice for choice in Schedule.TYPE if choice[0] not in (Schedule.ONCE, Schedule.CRON)],
    )

    class Meta:
        """The fields. Hook and arguments are omitted: the platform's jobs have none."""

        model = Schedule
        fields = ("name", "func", "schedule_type", "minutes", "repeats", "next_run")


class ScheduleAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The schedules of jobs."""

    form = ScheduleForm
    list_display = ("name", "job", "schedule_type", "minutes", "next_run", "succeeded")
    search_fields = ("name",)
    actions = ("run_now",)

    @admin.display(description="Job", ordering="func")
    def job(self, schedule: Schedule) -> str:
        """The title of the job."""
        return _job_title(schedule.func)

    @admin.display(description="Last run", boolean=True)
    def succeeded(self, schedule: Schedule) -> bool | None:
        """Whether the last run succeeded; None if no run has ended."""
        if not schedule.task:
            return None
        last: bool | None = Task.objects.filter(pk=schedule.task).values_list("success", flat=True).first()
        return last

    @admin.action(description="Run the selected jobs now", permissions=["change"])
    def run_now(self, request: HttpRequest, schedules: "QuerySet[Schedule]") -> None:
        """Make the schedules due. The job processes look for due schedules twice a minute."""
        self.message_user(
            request, f"{schedules.update(next_run=timezone.now())} jobs will run within a minute."
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
        return self.outcome(task).partition("\n")[0][:100]


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
