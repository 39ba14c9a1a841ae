"""Counts the choices of columns and rate that the connections of each user have."""

from collections import Counter
from typing import Final

from widgets.hub.feeds import Feed

MOST_CHOICES_PER_USER: Final = 16
"""A quarter of what a process serves. `quote:*` needs a choice: one user could take it from all others."""

_NONE: Final[Counter[str]] = Counter()


class UserChoices:
    """The choices by user. Feeds with the usual columns and rate do not count."""

    def __init__(self) -> None:
        self._by_user: dict[int, Counter[str]] = {}

    def may_add(self, user_id: int, before: Feed | None, after: Feed) -> bool:
        """Whether a user may have `after` in place of `before`. A choice that the user has is free."""
        counts = self._by_user.get(user_id, _NONE)
        if not after.choice or after.choice in counts:
            return True
        freed = before is not None and counts.get(before.choice) == 1
        return self.count(user_id) - freed < MOST_CHOICES_PER_USER

    def count(self, user_id: int) -> int:
        """How many choices a user has."""
        return len(self._by_user.get(user_id, ()))

    def replace(self, user_id: int, before: Feed | None, after: Feed | None) -> None:
        """Count that a connection of the user has `after` in place of `before`; None stands for no feed."""
        counts = self._by_user.setdefault(user_id, Counter())
        if after is not None and after.choice:
            counts[after.choice] += 1
        if before is not None and before.choice:
            counts[before.choice] -= 1
            if not counts[before.choice]:
                del counts[before.choice]
        if not counts:
            del self._by_user[user_id]
