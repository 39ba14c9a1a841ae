"""The name under which a process holds leases, numbers batches and reports."""

import os
import socket
import time


def process_identity() -> str:
    """A name unlike that of any other process, also of earlier ones of this machine."""
    return f"{socket.gethostname()}:{os.getpid()}:{time.time_ns()}"
