"""The books of a stage: what came in, and everything that became of it. The sum must close."""

from collections.abc import Iterable, Mapping

import msgspec


class Book(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One sum of a stage, counted since the start of its process.

    `received = done + sum(lost.values()) + waiting`. `name` says of what, such as `events`. `done` went on to
    the next stage. `lost` did not, by reason; a reason may be harmless, such as `conflated`. `tolerance` is
    how much may be under way between two counts that cannot be taken at one instant.
    """

    name: str
    unit: str
    received: int
    done: int
    lost: Mapping[str, int] = {}
    waiting: int = 0
    tolerance: int = 0

    @property
    def unaccounted(self) -> int:
        """What no other count explains. Negative if more is explained than was received."""
        return self.received - self.done - sum(self.lost.values()) - self.waiting

    @property
    def closes(self) -> bool:
        """Whether everything is explained. If not, that is a defect of the platform."""
        return abs(self.unaccounted) <= self.tolerance


def positive(counts: Mapping[str, int]) -> dict[str, int]:
    """The counts that are not 0."""
    return {reason: count for reason, count in counts.items() if count}


def total(books: Iterable[Book]) -> Book:
    """The sum of at least one book of the same name, as of several processes of one stage."""
    first, *others = books
    lost = dict(first.lost)
    received, done, waiting, tolerance = first.received, first.done, first.waiting, first.tolerance
    for book in others:
        received += book.received
        done += book.done
        waiting += book.waiting
        tolerance += book.tolerance
        for reason, count in book.lost.items():
            lost[reason] = lost.get(reason, 0) + count
    return msgspec.structs.replace(
        first, received=received, done=done, waiting=waiting, tolerance=tolerance, lost=lost
    )
