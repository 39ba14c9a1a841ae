"""The limit on open connections per user in one web process."""

import contextlib
from collections import Counter
from collections.abc import Iterator
from typing import Final

from marketdata.observability import metrics

MOST_CONNECTIONS_PER_USER: Final = 20


class ConnectionLimit:
    """Counts open connections by user."""

    def __init__(self, most_per_user: int = MOST_CONNECTIONS_PER_USER) -> None:
        self._most_per_user = most_per_user
        self._open: Counter[int] = Counter()

    @contextlib.contextmanager
    def held(self, user_id: int) -> Iterator[bool]:
        """Count one connection while the context lasts. The value is False if it is above the limit."""
        within_limit = self._open[user_id] < self._most_per_user
        self._open[user_id] += 1
        metrics.WIDGET_CONNECTIONS.inc()
        try:
            yield within_limit
        finally:
            metrics.WIDGET_CONNECTIONS.dec()
            self._open[user_id] -= 1
            if not self._open[user_id]:
                del self._open[user_id]
