"""What the children of `manage.py qcluster` do besides their jobs: end with their parent, and trace."""

import contextlib
import ctypes
import os
import signal
import sys
from multiprocessing.util import Finalize
from typing import Any, Final

from django.dispatch import receiver
from django_q.signals import post_execute_in_worker, post_spawn, pre_execute

from marketdata.observability.tracing import Tracing, configure_tracing
from mdp_site.jobs.steering import jobs_settings

PR_SET_PDEATHSIG: Final = 1
"""An option of prctl(2): the signal that the kernel sends to this process when its parent ends."""

_tracing: Final[list[Tracing]] = []
_spans: Final = contextlib.ExitStack()


def end_children_with_their_parent() -> None:
    """From now on, the kernel kills each forked child when its parent ends, however that ends.

    Without it, a parent that is killed leaves children that go on to take jobs, and that nobody steers. A job
    that is killed is repeated after JOBS_RETRY_SECONDS. Other systems than Linux have no such order.
    """
    if sys.platform != "linux":
        return
    library = ctypes.CDLL(None, use_errno=True)
    parent = [os.getpid()]

    def ask_kernel() -> None:
        library.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent[0]:  # it ended before the kernel was asked
            os._exit(1)

    def note_parent() -> None:
        parent[0] = os.getpid()

    os.register_at_fork(before=note_parent, after_in_child=ask_kernel)


@receiver(post_spawn)
def _begin_tracing(**_signal: Any) -> None:
    """In a child that does jobs. The exporter has a thread, which a fork would lose."""
    _tracing[:] = [configure_tracing("jobs")]
    Finalize(None, _tracing[0].close, exitpriority=0)


@receiver(pre_execute)
def _begin_job(task: dict[str, Any], **_signal: Any) -> None:
    """Apply what operators want before a job begins, and begin its span."""
    jobs_settings()
    if _tracing:
        _spans.enter_context(_tracing[0].span("job", job=str(task["name"])))


@receiver(post_execute_in_worker)
def _end_job(**_signal: Any) -> None:
    _spans.close()
