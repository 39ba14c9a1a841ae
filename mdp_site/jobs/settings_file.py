"""A backup of the settings: one JSON file with what operators chose. Pure, except for `read_file`.

It has the newest revision of each service, who has which role, and the schedules of the jobs. It has no
secret: settings have none, and passwords, tokens and sessions are not in it.
"""

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from marketdata.errors import ConfigurationError

FORMAT: Final = 1
MOST_BYTES: Final = 16 * 1024 * 1024


class SavedRevision(msgspec.Struct, frozen=True, kw_only=True):
    """The newest revision of a service. `at` is when it was made."""

    revision: int
    given: dict[str, Any]
    who: str
    at: dt.datetime
    reason: str = ""


class SavedSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """When a job runs. `job` is its dotted name, `type` that of django-q2, `minutes` None with some types."""

    name: str
    job: str
    type: str
    minutes: int | None = None


class SavedSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a file holds. `roles`: group -> names of its members. `release`: the software that wrote it."""

    format: int
    made_at: dt.datetime
    release: str
    services: Mapping[str, SavedRevision] = {}
    roles: Mapping[str, tuple[str, ...]] = {}
    schedules: tuple[SavedSchedule, ...] = ()

    def same_choices(self, other: "SavedSettings") -> bool:
        """Whether operators have chosen the same in both."""
        return (self.services, self.roles, self.schedules) == (other.services, other.roles, other.schedules)


def encode_file(saved: SavedSettings) -> bytes:
    """The file as indented JSON, for people who compare two of them."""
    return msgspec.json.format(msgspec.json.encode(saved), indent=2) + b"\n"


def read_file(path: Path) -> SavedSettings:
    """The backup in a file. What a later release added to it is left out.

    Raises:
        ConfigurationError: the file cannot be read, or is no such backup.
    """
    try:
        size_bytes = path.stat().st_size
        if size_bytes > MOST_BYTES:
            raise ConfigurationError(f"{path} has {size_bytes} bytes; accepted: at most {MOST_BYTES}")
        saved = msgspec.json.decode(path.read_bytes(), type=SavedSettings)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise ConfigurationError(f"{path} is no backup of settings: {error}") from error
    if saved.format != FORMAT:
        raise ConfigurationError(f"{path} has the format {saved.format}; accepted: {FORMAT}")
    return saved
