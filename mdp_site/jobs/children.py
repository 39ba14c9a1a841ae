"""The children of `manage.py qcluster`: they follow their parent, end with it, and trace their jobs."""

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time
from multiprocessing.util import Finalize
from typing import Any, Final

from django.dispatch import receiver
from django_q.signals import post_execute_in_worker, post_spawn, pre_execute

from marketdata.observability.tracing import Tracing, configure_tracing
from mdp_site.jobs.steering import jobs_settings

PR_SET_PDEATHSIG: Final = 1
"""An option of prctl(2): the signal that the kernel sends to this process when its parent ends."""

LOOK_SECONDS: Final = 0.5
"""How often a child looks for changed settings. One look costs 3 microseconds."""

_tracing: Final[list[Tracing]] = []
_spans: Final = contextlib.ExitStack()


def prepare_children() -> None:
    """From now on, each forked child follows the settings of its parent, and ends with it.

    The kernel kills a child when its parent ends, however that ends. Otherwise a parent that is killed leaves
    children that go on to take jobs, and that nobody steers. A job that is killed is repeated after
    JOBS_RETRY_SECONDS. Only Linux has such an order.
    """
    parent = [os.getpid()]
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None

    def note_parent() -> None:
        parent[0] = os.getpid()

    def begin_as_child() -> None:
        if prctl is not None:
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent[0]:  # it ended before the kernel was asked
            os._exit(1)
        threading.Thread(target=_follow, name="settings", daemon=True).start()

    os.register_at_fork(before=note_parent, after_in_child=begin_as_child)


def _follow() -> None:
    """Let settings of the whole process take effect, such as the log level. django-q2 has no hook for it."""
    while True:
        jobs_settings()
        time.sleep(LOOK_SECONDS)


@receiver(post_spawn)
def _begin_tracing(**_signal: Any) -> None:
    """In a child that does jobs. The exporter has a thread, which a fork would lose."""
    _tracing[:] = [configure_tracing("jobs")]
    Finalize(None, _tracing[0].close, exitpriority=0)


@receiver(pre_execute)
def _begin_span(task: dict[str, Any], **_signal: Any) -> None:
    if _tracing:
        _spans.enter_context(_tracing[0].span("job", job=str(task["func"])))


@receiver(post_execute_in_worker)
def _end_span(**_signal: Any) -> None:
    _spans.close()
