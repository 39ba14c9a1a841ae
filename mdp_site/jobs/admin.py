"""Scheduled, waiting and finished jobs in the admin: jobs of the platform, chosen from a list."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django_q.models import Failure, OrmQ, Schedule, Success, Task

from mdp_site.jobs.offered import JOBS

_NOT_OURS = "not a job of the platform: it does not run"


def _job_title(function: str) -> str:
    return JOBS.get(function, f"{function} ({_NOT_OURS})")


class ScheduleForm(forms.ModelForm):  # type: ignore[type-arg]  # generic only in the stubs
    """Which job, how often, and from when on."""

    func = forms.ChoiceField(label="Job", choices=lambda: list(JOBS.items()))
    schedule_type = forms.ChoiceField(
        label="How often",
        choices=[choice for choice in Schedule.TYPE if choice[0] not in (Schedule.ONCE, Schedule.CRON)],
    )

    class Meta:
        """Neither hook nor arguments: the platform's jobs have none."""

        model = Schedule
        fields = ("name", "func", "schedule_type", "minutes", "repeats", "next_run")


class ScheduleAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """When jobs run."""

    form = ScheduleForm
    list_display = ("name", "job", "schedule_type", "minutes", "next_run", "succeeded")
    search_fields = ("name",)
    actions = ("run_now",)

    @admin.display(description="Job", ordering="func")
    def job(self, schedule: Schedule) -> str:
        """What it does, or that it does nothing."""
        return _job_title(schedule.func)

    @admin.display(description="Last run", boolean=True)
    def succeeded(self, schedule: Schedule) -> bool | None:
        """Whether the last run succeeded; None while none has ended."""
        if not schedule.task:
            return None
        last: bool | None = Task.objects.filter(pk=schedule.task).values_list("success", flat=True).first()
        return last

    @admin.action(description="Run the selected jobs now", permissions=["change"])
    def run_now(self, request: HttpRequest, schedules: "QuerySet[Schedule]") -> None:
        """Make them due; the job processes look for due ones twice a minute."""
        self.message_user(
            request, f"{schedules.update(next_run=timezone.now())} jobs will run within a minute."
        )


class _ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows that django-q2 writes: looked at and deleted, but not added or changed."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False


class FinishedAdmin(_ReadOnlyAdmin):
    """What jobs came to. Arguments and hooks are not even read from the database."""

    fields = ("name", "job", "started", "stopped", "attempt_count", "cluster", "outcome")
    readonly_fields = fields
    list_display = ("name", "job", "started", "stopped", "outcome_in_short")
    search_fields = ("name", "func")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        """Without the columns that nobody is shown."""
        return super().get_queryset(request).defer("args", "kwargs", "hook")

    @admin.display(description="Job", ordering="func")
    def job(self, task: Task) -> str:
        """What it did."""
        return _job_title(task.func)

    @admin.display(description="Outcome")
    def outcome(self, task: Task) -> str:
        """What the job said, or why it failed."""
        return task.result if isinstance(task.result, str) else "-"

    @admin.display(description="Outcome")
    def outcome_in_short(self, task: Task) -> str:
        """The first line of it."""
        return self.outcome(task).partition("\n")[0][:100]


class WaitingAdmin(_ReadOnlyAdmin):
    """Jobs that wait, or run now until `lock`."""

    fields = ("order", "lock")
    readonly_fields = fields
    list_display = ("id", "order", "lock")

    @admin.display(description="Order")
    def order(self, waiting: OrmQ) -> str:
        """The order as it is stored: text that nothing interprets."""
        return str(waiting.payload)[:1_000]


def replace_the_librarys_pages() -> None:
    """Put these pages where django-q2 has registered its own, with free functions, hooks and arguments."""
    for model, pages in (
        (Schedule, ScheduleAdmin),
        (Success, FinishedAdmin),
        (Failure, FinishedAdmin),
        (OrmQ, WaitingAdmin),
    ):
        if admin.site.is_registered(model):
            admin.site.unregister(model)
        admin.site.register(model, pages)
