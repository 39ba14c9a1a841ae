"""Where a process runs, as its report, its log lines and its traces say it."""

import os
import socket


def process_place() -> str:
    """The host and the process id: `host:pid`."""
    return f"{socket.gethostname()}:{os.getpid()}"
