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
from django_q.humanhash import uuid
from django_q.models import Task
from django_q.signals import pre_enqueue
from django_q.signing import SignedPackage
from django_q.utils import get_func_repr

from marketdata.observability.logs import get_logger
from mdp_site.jobs.offered import JOBS
from mdp_site.jobs.steering import may_take_jobs

MAX_TEXT: Final = 256
MOST_TAKINGS: Final = 3
MOST_ID_CHARACTERS: Final = 32
MOST_NAME_CHARACTERS: Final = 100

log = get_logger(__name__)


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a job. `func` is the dotted name of the job; `started` is the time of the order.

    `takings`: how often a process has taken it. One that is killed neither finishes a job nor reports it.
    """

    id: str
    name: str
    func: str
    started: dt.datetime
    group: str | int | None = None
    cluster: str | None = None
    ack_failure: bool = False
    takings: int = 0


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
        given = {name: task[name] for name in Order.__struct_fields__ if name in task}
        row, _order = self._put(Order(**given | {"func": get_func_repr(task["func"])}))
        return row

    def order(self, job: str) -> str:
        """Order a run of the job with this dotted name, as `enqueue`.

        Returns the id of the order that will run, which is also the id of the finished run.
        """
        name, number = uuid()
        made = Order(
            id=number, name=name, func=job, started=timezone.now(), ack_failure=bool(Conf.ACK_FAILURES)
        )
        _row, order = self._put(made)
        return order.id

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

    def _put(self, order: Order) -> tuple[int, Order]:
        """Store the order, unless one for its job waits. Returns the row with the one that waits now."""
        if (waiting := self._waiting(order.func)) is not None:
            return waiting
        return int(super().enqueue(msgspec.json.encode(order).decode())), order

    def _waiting(self, job: str) -> tuple[int, Order] | None:
        """The row of an order for the job that no process has taken."""
        rows = self.get_connection().filter(key=self.list_key, lock__lt=timezone.now())
        for row, payload in rows.values_list("pk", "payload"):
            with contextlib.suppress(msgspec.MsgspecError):
                if (order := _orders.decode(payload)).func == job:
                    return int(row), order
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
        if order.takings >= MOST_TAKINGS:
            self._give_up(row, order)
            return None
        order = msgspec.structs.replace(order, takings=order.takings + 1)
        self.get_connection().filter(pk=row).update(payload=msgspec.json.encode(order).decode())
        package: str = SignedPackage.dumps(msgspec.structs.asdict(order) | {"args": (), "kwargs": {}})
        return package

    def _give_up(self, row: int, order: Order) -> None:
        """Store a failed run of a job that no process has finished. Its schedule orders it again."""
        reason = (
            f"taken {order.takings} times and never finished: its process was killed, or jobs before it "
            "took too long"
        )
        log.error("job given up", job=order.func, reason=reason)
        Task.objects.get_or_create(
            id=order.id[:MOST_ID_CHARACTERS],
            defaults={
                "name": order.name[:MOST_NAME_CHARACTERS],
                "func": order.func,
                "started": order.started,
                "stopped": timezone.now(),
                "result": reason,
                "success": False,
                "attempt_count": order.takings,
            },
        )
        self.delete(row)

    def _discard(self, row: int, reason: str) -> None:
        log.warning("no job of the platform", row=row, reason=reason)
        self.delete(row)


@receiver(pre_enqueue)
def _remove_other_options(task: dict[str, Any], **_signal: Any) -> None:
    """Remove options of a schedule's row that an order does not have, such as to bypass the broker."""
    for name in task.keys() - _KEPT:
        del task[name]
