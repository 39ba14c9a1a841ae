"""Restarts this process at an operator's wish: an orderly stop, and then the same command in its place.

The process id stays. So a supervisor notices nothing, and none is needed.
"""

import os
import signal
import sys
import threading
from typing import Final

from marketdata.observability.logs import get_logger

log = get_logger(__name__)

_requested: Final = threading.Event()


def request_restart() -> None:
    """Stop this process as SIGTERM does, and begin its command again after that."""
    log.info("restart requested", pid=os.getpid())
    _requested.set()
    os.kill(os.getpid(), signal.SIGTERM)


def begin_again_if_requested() -> None:
    """Replace this process by a new run of its command, if a restart was requested. Else return.

    To be called at the very end. Open files and sockets are closed: Python opens none to be inherited.
    """
    if not _requested.is_set():
        return
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - its own command line
