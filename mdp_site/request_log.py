"""Bounds what requests write into the log through Django, which logs each request that fails.

Anybody can send requests that fail: for another host, for a page that does not exist, while the database is
away. For such a refusal Django's traceback shows only Django's own code, so its entry becomes one line. Only
a defect keeps its traceback. Of each kind, a `LogBudget` limits the entries.
"""

import logging
from typing import Final

from django.core.exceptions import SuspiciousOperation
from django.db import InterfaceError, OperationalError

from marketdata.observability.log_budget import LogBudget

LONGEST_TEXT: Final = 300
_LOGGERS: Final = ("django.request", "django.security")


class RequestLogFilter(logging.Filter):
    """A filter for the handler of all entries. It lets pass what is not about requests.

    Concurrency: safe to use from several threads.
    """

    def __init__(self, budget: LogBudget | None = None) -> None:
        super().__init__()
        self._budget = budget or LogBudget()

    def filter(self, record: logging.LogRecord) -> bool:
        """Shorten an entry. Returns False if it is one too many of its kind."""
        if not record.name.startswith(_LOGGERS):
            return True
        error = record.exc_info[1] if record.exc_info else None
        is_away = isinstance(error, OperationalError | InterfaceError)
        kind = "database" if is_away else f"{record.name}/{getattr(record, 'status_code', '')}"
        kept_back = self._budget.take(kind)
        if kept_back is None:
            return False
        text = record.getMessage()[:LONGEST_TEXT]
        if is_away:
            text = f"{text}: {str(error).strip()[:LONGEST_TEXT]}"
        if kept_back:
            text = f"{text} (similar kept back: {kept_back})"
        record.msg, record.args = text, ()
        if is_away or isinstance(error, SuspiciousOperation):
            record.exc_info = record.exc_text = None
        return True
