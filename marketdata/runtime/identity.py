"""The name under which a process holds leases, numbers batches and reports."""

import time

from marketdata.observability.process_place import process_place


def process_identity() -> str:
    """A name that no other process has, not even an earlier one on this machine."""
    return f"{process_place()}:{time.time_ns()}"
