"""What a scheduled job is: the function that runs, its name for operators, and how often it may run."""

from collections.abc import Callable
from typing import Final

import msgspec

DAY_MINUTES: Final = 24 * 60


class ScheduledJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job that runs every `minutes`, unless operators choose another interval within the bounds.

    `function` takes nothing and says in words what it did; its first line is shown beside the schedule. It
    is idempotent, and may run twice at once.
    """

    function: Callable[[], str]
    title: str
    minutes: int
    shortest_minutes: int = 1
    longest_minutes: int = DAY_MINUTES

    @property
    def path(self) -> str:
        """The dotted name by which the database names the job."""
        return f"{self.function.__module__}.{self.function.__name__}"
