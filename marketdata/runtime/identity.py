"""The name under which a process holds leases, numbers batches and reports."""

import os
import socket
import time


def process_place() -> str:
    """Where this process runs, as operators find it: `host:pid`."""
    return f"{socket.gethostname()}:{os.getpid()}"


def process_identity() -> str:
    """A name that no other process has, not even an earlier one on this machine."""
    return f"{process_place()}:{time.time_ns()}"
