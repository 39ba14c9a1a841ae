"""The job that writes a backup of the settings. Idempotent: it writes none if nothing was changed."""

import contextlib
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import transaction
from django.utils import timezone
from django_q.models import Schedule

from marketdata.errors import ConfigurationError
from marketdata.observability.logs import get_logger
from marketdata.runtime.version import software_version
from marketdata.scheduled_jobs import ScheduledJob
from mdp_site.control_plane.history import newest_of_each
from mdp_site.jobs.settings_file import (
    FORMAT,
    SavedRevision,
    SavedSchedule,
    SavedSettings,
    encode_file,
    read_file,
)
from mdp_site.jobs.steering import jobs_settings
from mdp_site.jobs_settings import JobsSettings
from mdp_site.service_settings import SERVICES

PATTERN: Final = "settings-*.json"

_log = get_logger(__name__)


def back_up_settings() -> str:
    """Write a file unless the newest one has the same, and delete all but the newest ones.

    Raises:
        ConfigurationError: the directory cannot be written.
    """
    directory, wanted = settings.SETTINGS_BACKUP_DIRECTORY, jobs_settings()
    present = present_settings()
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        files = backups(directory)
        if files and _has(files[-1], present):
            return f"unchanged since {files[-1].name}"
        path = directory / f"settings-{present.made_at:%Y%m%dT%H%M%S%fZ}.json"
        _write(path, encode_file(present))
        _delete_old(directory, wanted)
    except OSError as error:
        raise ConfigurationError(
            f"SETTINGS_BACKUP_DIRECTORY is {directory}: {error.strerror}; accepted: a directory "
            "that the jobs may write"
        ) from error
    return f"written: {path.name}, {path.stat().st_size:,} bytes"


def present_settings() -> SavedSettings:
    """What operators have chosen so far, read in one transaction."""
    with transaction.atomic():
        services = {
            name: SavedRevision(
                revision=each.number, given=each.given, who=each.who, at=each.at, reason=each.reason
            )
            for name, each in sorted(newest_of_each(SERVICES).items())
        }
        roles = {
            group.name: tuple(sorted(user.get_username() for user in group.user_set.all()))
            for group in Group.objects.order_by("name").prefetch_related("user_set")
        }
        schedules = tuple(
            SavedSchedule(
                name=each.name or each.func, job=each.func, type=each.schedule_type, minutes=each.minutes
            )
            for each in Schedule.objects.order_by("name", "pk")
        )
    return SavedSettings(
        format=FORMAT,
        made_at=timezone.now(),
        release=software_version(),
        services=services,
        roles=roles,
        schedules=schedules,
    )


def backups(directory: Path) -> Sequence[Path]:
    """The files of a directory, the oldest first: their names have the time."""
    return sorted(directory.glob(PATTERN))


def _delete_old(directory: Path, wanted: JobsSettings) -> None:
    for old in backups(directory)[: -wanted.keep_backups]:
        old.unlink(missing_ok=True)  # another run may delete it at the same time


def _has(path: Path, present: SavedSettings) -> bool:
    """Whether a file has the present settings. One that cannot be read is replaced by a new one."""
    try:
        return read_file(path).same_choices(present)
    except ConfigurationError as error:
        _log.warning("backup of settings unreadable", error=str(error))
        return False


def _write(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read. It appears whole, or not at all."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()


BACKUP: Final = ScheduledJob(
    function=back_up_settings,
    title="back up the settings",
    minutes=60,
    shortest_minutes=5,
)
