"""Revisions of the settings of services, and the audit."""

import uuid
from datetime import datetime
from typing import Any, Final, NoReturn

from django.db import models
from django.utils import timezone

from marketdata.control import RevisionOutcome
from marketdata.errors import MarketDataError

MAX_REASON_LENGTH: Final = 1_000
MAX_RESULT_LENGTH: Final = 1_000
MAX_NAME_LENGTH: Final = 200
MAX_WORD_LENGTH: Final = 50
MAX_ORDER_LENGTH: Final = 32
"""Of django-q2: a UUID in hexadecimal."""


class AppendOnly(MarketDataError):
    """Somebody tried to change or delete an entry of the audit. It only grows."""

    def __init__(self) -> None:
        super().__init__("entries of the audit cannot be changed or deleted; accepted: new entries")


class Revision(models.Model):
    """The settings that operators gave to a service, at one time. The environment has the others.

    `number` is the version of the record in the cache. `who` is the name of a user, `terminal: user@host`, or
    `cache` for settings that were found there. `outcome` and what follows it say what became of the revision;
    `applied_by` lists the processes that applied it.
    """

    service = models.CharField(max_length=MAX_WORD_LENGTH)
    number = models.PositiveIntegerField()
    given = models.JSONField()
    who = models.CharField(max_length=MAX_NAME_LENGTH)
    user_id = models.BigIntegerField(null=True)
    at = models.DateTimeField(default=timezone.now)
    reason = models.TextField(max_length=MAX_REASON_LENGTH, blank=True)
    outcome = models.CharField(
        max_length=10,
        default=RevisionOutcome.PENDING.value,
        choices=[(each.value, each.value) for each in RevisionOutcome],
    )
    outcome_text = models.TextField(blank=True)
    outcome_at = models.DateTimeField(null=True)
    applied_by = models.JSONField(default=list)

    class Meta:
        """The newest first. Rows are made and changed by this application alone."""

        ordering = ("-at", "-number")
        default_permissions = ("view",)
        constraints = (
            models.UniqueConstraint(fields=("service", "number"), name="one_revision_of_each_number"),
        )

    def __str__(self) -> str:
        return f"{self.service} {self.number}"


class ActionRun(models.Model):
    """One action of an operator, and what became of it: pending, then applied or refused.

    `arguments` are those of the action as JSON values, and `impact` is by the overview of the moment when
    the operator confirmed it: figures go on while a page is read. `service` does it. `revision`: the number
    of the revision that the action is, if it changes settings.
    `expected` and `done_by` are processes: those that must answer an instruction, and those that did it.
    `sent_at`: when the instruction was given to them. `job_order`: the id of the order, if the action runs a
    job.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    at = models.DateTimeField(default=timezone.now, db_index=True)
    action = models.CharField(max_length=MAX_WORD_LENGTH)
    service = models.CharField(max_length=MAX_WORD_LENGTH)
    arguments = models.JSONField(default=dict)
    impact = models.TextField(max_length=MAX_RESULT_LENGTH, blank=True)
    who = models.CharField(max_length=MAX_NAME_LENGTH)
    user_id = models.BigIntegerField(null=True)
    reason = models.TextField(max_length=MAX_REASON_LENGTH, blank=True)
    revision = models.PositiveIntegerField(null=True)
    expected = models.JSONField(default=list)
    sent_at = models.DateTimeField(null=True)
    job_order = models.CharField(max_length=MAX_ORDER_LENGTH, blank=True)
    outcome = models.CharField(
        max_length=10,
        default=RevisionOutcome.PENDING.value,
        choices=[(each.value, each.value) for each in RevisionOutcome],
        db_index=True,
    )
    outcome_text = models.TextField(blank=True)
    outcome_at = models.DateTimeField(null=True)
    done_by = models.JSONField(default=list)

    class Meta:
        """The newest first. Rows are made and changed by this application alone."""

        ordering = ("-at", "-pk")
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.action} {self.id}"


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    """Queries of the audit. The methods that would change entries refuse."""

    def update(self, **_fields: Any) -> NoReturn:
        """Raises `AppendOnly`."""
        raise AppendOnly

    def delete(self) -> NoReturn:
        """Raises `AppendOnly`."""
        raise AppendOnly


class AuditEntry(models.Model):
    """One thing that somebody did or tried. Triggers of the database keep entries unchanged, too.

    Old ones go by `retention` alone.

    `origin` is where it came from: an address, or `terminal`. `service` is a service, or `accounts`.
    `before` and `after` have the changed values only; null stands for the value of the environment.
    """

    at = models.DateTimeField(default=timezone.now, db_index=True)
    who = models.CharField(max_length=MAX_NAME_LENGTH)
    user_id = models.BigIntegerField(null=True)
    origin = models.CharField(max_length=MAX_NAME_LENGTH, blank=True)
    service = models.CharField(max_length=MAX_WORD_LENGTH)
    action = models.CharField(max_length=MAX_WORD_LENGTH)
    revision = models.PositiveIntegerField(null=True)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    reason = models.TextField(max_length=MAX_REASON_LENGTH, blank=True)
    result = models.TextField(max_length=MAX_RESULT_LENGTH)

    objects = AuditQuerySet.as_manager()

    class Meta:
        """The newest first. There is no permission to add, change or delete."""

        ordering = ("-at", "-pk")
        default_permissions = ("view",)
        verbose_name_plural = "audit"

    def __str__(self) -> str:
        at: datetime = self.at
        return f"{at:%Y-%m-%d %H:%M:%S} {self.who}: {self.service} {self.action}"

    def save(self, *args: Any, **options: Any) -> None:
        """Store a new entry.

        Raises:
            AppendOnly: the entry is stored already.
        """
        if not self._state.adding:
            raise AppendOnly
        super().save(*args, **options)

    def delete(self, *_args: Any, **_options: Any) -> NoReturn:
        """Raises `AppendOnly`."""
        raise AppendOnly


class AuditCut(models.Model):
    """Lets entries of the audit from before an instant go. `retention` alone makes one, for one transaction.

    The triggers of the audit look for it. They let no entry of the last 90 days go.
    """

    earlier_than = models.DateTimeField()

    class Meta:
        """There is no permission for it."""

        default_permissions = ()

    def __str__(self) -> str:
        at: datetime = self.earlier_than
        return f"{at:%Y-%m-%d %H:%M:%S}"
