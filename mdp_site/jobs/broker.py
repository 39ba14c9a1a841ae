"""The queue of waiting jobs, in the database. A row only names a job of the platform.

django-q2 itself stores a signed pickle with any function, arguments and hook. This broker stores an order
instead: JSON with the name of a job. A row that is not such an order is deleted, with a log entry. The pickle
that django-q2 needs is made only in the process that reads the order.
"""

import contextlib
import datetime as dt
import time
from typing import Any, Final

import msgspec
from django.dispatch import receiver
from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.signals import pre_enqueue
from django_q.signing import SignedPackage
from django_q.utils import get_func_repr

from marketdata.observability.logs import get_logger
from mdp_site.jobs.offered import JOBS
from mdp_site.jobs.steering import may_take_jobs

MAX_TEXT: Final = 256

log = get_logger(__name__)


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a job. `func` is the dotted name of the job; `started` is the time of the order."""

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
    """django-q2's database broker, limited to orders for the platform's jobs."""

    def enqueue(self, package: str) -> int:
        """Store the order from a package of this process, without arguments. Returns the id of its row.

        An order for a job that waits already is no second one. So a pause, in which schedules go on, leaves
        one order for each job.
        """
        task = SignedPackage.loads(package)
        if (waiting := self._waiting(get_func_repr(task["func"]))) is not None:
            return waiting
        order = {name: task[name] for name in Order.__struct_fields__ if name in task}
        row: int = super().enqueue(
            msgspec.json.encode(order | {"func": get_func_repr(task["func"])}).decode()
        )
        return row

    def dequeue(self) -> list[tuple[int, str]] | None:
        """Take orders and return them as packages; None if there are none, or if this process is paused."""
        if not may_take_jobs():
            time.sleep(Conf.POLL)  # as django-q2 waits for a queue that is empty
            return None
        taken: list[tuple[int, str]] = super().dequeue() or []
        packages = [(row, package) for row, payload in taken if (package := self._package(row, payload))]
        return packages or None

    def set_stat(self, key: str, value: str, timeout: int) -> None:
        """Do nothing: django-q2 would write its statistics to the shared cache as pickles, twice a second."""

    def get_stat(self, key: str) -> None:
        """None: no statistics are kept."""

    def get_stats(self, pattern: str) -> list[str]:
        """Empty: no statistics are kept."""
        del pattern
        return []

    def _waiting(self, job: str) -> int | None:
        """The row of an order for the job that no process has taken."""
        rows = self.get_connection().filter(key=self.list_key, lock__lt=timezone.now())
        for row, payload in rows.values_list("pk", "payload"):
            with contextlib.suppress(msgspec.MsgspecError):
                if _orders.decode(payload).func == job:
                    return int(row)
        return None

    def _package(self, row: int, payload: str) -> str | None:
        try:
            order = _orders.decode(payload)
        except msgspec.MsgspecError as error:
            self._discard(row, str(error))
            return None
        if order.func not in JOBS:
            self._discard(row, f"{order.func[:MAX_TEXT]!r} is not one of {', '.join(JOBS)}")
            return None
        package: str = SignedPackage.dumps(msgspec.structs.asdict(order) | {"args": (), "kwargs": {}})
        return package

    def _discard(self, row: int, reason: str) -> None:
        log.warning("no job of the platform", row=row, reason=reason)
        self.delete(row)


@receiver(pre_enqueue)
def _remove_other_options(task: dict[str, Any], **_signal: Any) -> None:
    """Remove options of a schedule's row that an order does not have, such as to bypass the broker."""
    for name in task.keys() - _KEPT:
        del task[name]
