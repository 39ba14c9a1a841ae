"""The command line of a parent and its workers."""

import sys
from collections.abc import Sequence
from typing import Final

import msgspec

from marketdata.errors import ConfigurationError
from marketdata.runtime.workers import WorkerCommand, free_ports

MAX_WORKERS: Final = 256


class WorkerPlace(msgspec.Struct, frozen=True):
    """Which of how many workers this is, from 0."""

    index: int
    count: int

    def prefers(self, position: int) -> bool:
        """Whether the shard at this position in the list of shards is this worker's before the others'."""
        return position % self.count == self.index


def parse_worker(text: str) -> WorkerPlace | None:
    """The place in `index/count`; None for an empty text.

    Raises:
        ConfigurationError: it is something else.
    """
    if not text:
        return None
    index, _, count = text.partition("/")
    if index.isdecimal() and count.isdecimal() and int(index) < int(count):
        return WorkerPlace(int(index), int(count))
    raise ConfigurationError(f"--worker {text!r} not accepted; accepted is index/count, such as 0/2")


def parse_worker_count(count: int) -> int:
    """The count, if it is one.

    Raises:
        ConfigurationError: it is below 1 or absurd.
    """
    if 1 <= count <= MAX_WORKERS:
        return count
    raise ConfigurationError(f"--workers {count} not accepted; accepted are 1 to {MAX_WORKERS}")


def worker_commands(
    count: int, shards: tuple[int, ...], *, health_host: str, health_port: int | None
) -> Sequence[WorkerCommand]:
    """This very command once for each worker, on the ports after the parent's, or on free ones."""
    ports = range(health_port + 1, health_port + 1 + count) if health_port else free_ports(health_host, count)
    common = (sys.executable, sys.argv[0], "run_processor", "--shards", ",".join(map(str, shards)))
    return [
        WorkerCommand(
            (
                *common,
                "--worker",
                f"{index}/{count}",
                "--health-host",
                health_host,
                "--health-port",
                str(port),
            ),
            port,
        )
        for index, port in enumerate(ports)
    ]
