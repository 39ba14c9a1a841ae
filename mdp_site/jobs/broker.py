"""The queue of jobs that wait: rows of the database that name a job, and nothing else.

django-q2 puts a signed pickle into its queue, with a function, arguments and a hook of anybody's choice. This
broker stores an order instead: which of the platform's jobs shall run, as JSON. What is no such order is set
aside with a line in the log. The pickle that django-q2 itself wants is made in the process that reads it.
"""

import datetime as dt
from typing import Any, Final

import msgspec
from django.dispatch import receiver
from django_q.brokers.orm import ORM
from django_q.signals import pre_enqueue
from django_q.signing import SignedPackage
from django_q.utils import get_func_repr

from marketdata.observability.logs import get_logger
from mdp_site.jobs.offered import JOBS

MAX_TEXT: Final = 256

log = get_logger(__name__)


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a job. `func` is its dotted name; `started` is when the order was given."""

    id: str
    name: str
    func: str
    started: dt.datetime
    group: str | int | None = None
    cluster: str | None = None
    ack_failure: bool = False


_KEPT: Final = frozenset(Order.__struct_fields__) | {"args", "kwargs"}
_orders: Final = msgspec.json.Decoder(Order)


class JobsBroker(ORM):  # type: ignore[misc]  # django-q2 has no types
    """django-q2's broker in the database, reduced to orders for the platform's own jobs."""

    def enqueue(self, package: str) -> int:
        """Store the order in a package of this process; jobs take no arguments. Returns its row's id."""
        task = SignedPackage.loads(package)
        order = {name: task[name] for name in Order.__struct_fields__ if name in task}
        row: int = super().enqueue(
            msgspec.json.encode(order | {"func": get_func_repr(task["func"])}).decode()
        )
        return row

    def dequeue(self) -> list[tuple[int, str]] | None:
        """Take orders, as packages; None when there is none to run."""
        taken: list[tuple[int, str]] = super().dequeue() or []
        packages = [(row, package) for row, payload in taken if (package := self._package(row, payload))]
        return packages or None

    def set_stat(self, key: str, value: str, timeout: int) -> None:
        """Keep no statistics: django-q2 would pickle them into the shared cache twice a second."""

    def get_stat(self, key: str) -> None:
        """None are kept."""

    def get_stats(self, pattern: str) -> list[str]:
        """None are kept."""
        del pattern
        return []

    def _package(self, row: int, payload: str) -> str | None:
        try:
            order = _orders.decode(payload)
        except msgspec.MsgspecError as error:
            self._set_aside(row, str(error))
            return None
        if order.func not in JOBS:
            self._set_aside(row, f"{order.func[:MAX_TEXT]!r} is not one of {', '.join(JOBS)}")
            return None
        package: str = SignedPackage.dumps(msgspec.structs.asdict(order) | {"args": (), "kwargs": {}})
        return package

    def _set_aside(self, row: int, reason: str) -> None:
        log.warning("no job of the platform", row=row, reason=reason)
        self.delete(row)


@receiver(pre_enqueue)
def _keep_to_the_order(task: dict[str, Any], **_signal: Any) -> None:
    """Drop the options that a schedule's row may smuggle in, such as to run at once, past the broker."""
    for name in task.keys() - _KEPT:
        del task[name]
