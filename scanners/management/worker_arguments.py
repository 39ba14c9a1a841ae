"""Command-line options of `run_processor` for a parent process and its workers."""

import sys
from collections.abc import Sequence

import msgspec

from marketdata.errors import ConfigurationError
from marketdata.runtime.workers import WorkerCommand, free_ports
from scanners.settings import MOST_WORKERS


class WorkerNumber(msgspec.Struct, frozen=True):
    """The number of a worker, counted from 0, and the number of workers."""

    index: int
    count: int

    def is_preferred_for(self, position: int) -> bool:
        """Whether this worker owns the shard at `position` in the list of shards while it lives."""
        return position % self.count == self.index


def parse_worker(text: str) -> WorkerNumber | None:
    """The worker that `index/count` names; None for an empty text.

    Raises:
        ConfigurationError: the text has another form.
    """
    if not text:
        return None
    index, _, count = text.partition("/")
    if index.isdecimal() and count.isdecimal() and int(index) < int(count):
        return WorkerNumber(int(index), int(count))
    raise ConfigurationError(f"--worker {text!r} not accepted; accepted is index/count, such as 0/2")


def parse_worker_count(count: int) -> int:
    """Return `count` if it is a possible number of workers.

    Raises:
        ConfigurationError: it is below 1 or above `MOST_WORKERS`.
    """
    if 1 <= count <= MOST_WORKERS:
        return count
    raise ConfigurationError(f"--workers {count} not accepted; accepted are 1 to {MOST_WORKERS}")


def worker_commands(
    count: int, shards: tuple[int, ...], *, health_host: str, health_port: int | None
) -> Sequence[WorkerCommand]:
    """The command line of each worker: `run_processor` with its number and its health port.

    The health ports are those after the parent's port, or free ports if the parent has none.
    """
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
