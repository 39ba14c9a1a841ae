"""The names under which a process reports, follows orders, numbers batches and holds leases."""

import itertools
import os
import time
from typing import Final

from marketdata.observability.process_place import process_place

_names: Final[dict[int, str]] = {}
"""By process id: a forked child is another process."""

_numbers: Final = itertools.count(1)


def process_identity() -> str:
    """The name of this process, which no other one has, not even an earlier one on this machine.

    It is the same at each call: operators find a process in the reports, and name it in their orders.
    """
    pid = os.getpid()
    if pid not in _names:
        _names[pid] = f"{process_place()}:{time.time_ns()}"
    return _names[pid]


def lease_owner() -> str:
    """A name for one holder of a lease, if several in this process may ask for the same one."""
    return f"{process_identity()}:{next(_numbers)}"
