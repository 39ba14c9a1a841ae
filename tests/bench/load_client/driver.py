"""Runs the load client, and reads its reports."""

import contextlib
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec

from marketdata.runtime.processes import ending_with_parent

Behaviour = Literal["read", "stall", "trickle", "flood"]

SPARE_DESCRIPTORS: Final = 500
"""What a process needs besides its clients' sockets."""
END_SECONDS: Final = 10


class LoadClientError(Exception):
    """The load client ended, or refused a command. The message says why."""


class Times(msgspec.Struct, frozen=True):
    """Durations in milliseconds, rounded up."""

    count: int
    p50_ms: int
    p99_ms: int
    max_ms: int


class Group(msgspec.Struct, frozen=True):
    """The figures of one group of connections.

    These belong to the window since `reset`: `bytes` on the wire after the handshake, `frames`, `changes`
    (deltas and list entries), their least and greatest number on one open connection, and all times. The
    others count from the beginning. `subscriptions` are times from the begin of a connection to the last of
    its first snapshots, `latencies` from the market time of a change to its last byte.
    """

    feeds: int
    begun: int
    waiting: int
    open: int
    ready: int
    deflating: int
    gaps: int
    repeated_snapshots: int
    corrupt: int
    violations: int
    errors: int
    failed: int
    cuts: int
    bytes: int
    frames: int
    changes: int
    least_changes: int
    most_changes: int
    refusals: Mapping[int, int]
    closes: Mapping[int, int]
    handshakes: Times
    subscriptions: Times
    latencies: Times
    first_fault: str

    @property
    def faults(self) -> int:
        """How often something happened to a reading client that should not."""
        counted = self.gaps + self.repeated_snapshots + self.corrupt + self.violations + self.errors
        ended = self.failed + self.cuts + sum(self.refusals.values()) + sum(self.closes.values())
        return counted + ended


class Report(msgspec.Struct, frozen=True):
    """All groups, the processor time of the load client, and the number of different messages so far."""

    cpu_seconds: float
    distinct_messages: int
    groups: Mapping[str, Group]


class _Answer(msgspec.Struct, frozen=True):
    refused: str | None


class LoadClient:
    """The running program. Make it with `LoadClient.running`."""

    def __init__(self, process: "subprocess.Popen[bytes]", folder: Path) -> None:
        self._process = process
        self._folder = folder

    @classmethod
    @contextlib.contextmanager
    def running(cls, program: Path, port: int, *, core: int | None = None) -> Iterator["LoadClient"]:
        """Start the program that `build` made for a server on 127.0.0.1, on one core if it is given."""
        with tempfile.TemporaryDirectory(prefix="mdp-load-") as name:
            folder = Path(name)
            command = [str(program), str(port)]
            process = subprocess.Popen(
                ending_with_parent(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder
            )
            if core is not None:
                os.sched_setaffinity(process.pid, {core})
            try:
                yield cls(process, folder)
            finally:
                assert process.stdin is not None
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.close()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(END_SECONDS)
                process.kill()
                process.wait()
                assert process.stdout is not None
                process.stdout.close()

    @property
    def pid(self) -> int:
        """Process id of the program."""
        return self._process.pid

    def add_group(
        self, name: str, requests: Iterable[bytes], messages: Sequence[bytes], *, feeds: int
    ) -> None:
        """Define connections that send one of the requests, in turn, and then the messages.

        A connection counts as ready when it has snapshots of `feeds` feeds.
        """
        requests_path, messages_path = self._folder / f"{name}.requests", self._folder / f"{name}.messages"
        requests_path.write_bytes(b"".join(requests))
        requests_path.chmod(0o600)
        messages_path.write_bytes(b"".join(message + b"\n" for message in messages))
        self._command(f"group {name} {feeds} {requests_path} {messages_path}")

    def connect(self, name: str, count: int, *, per_second: float) -> None:
        """Begin connections of a group at a rate. Returns at once."""
        self._command(f"connect {name} {count} {per_second}")

    def behave(self, name: str, behaviour: Behaviour) -> None:
        """Change what the connections of a group do from now on."""
        self._command(f"behave {name} {behaviour}")

    def begin_window(self) -> None:
        """Begin a new window of measurement."""
        self._command("reset")

    def report(self) -> Report:
        """The figures of all groups now."""
        return msgspec.json.decode(self._ask("report"), type=Report, strict=False)

    def _command(self, text: str) -> None:
        answer = msgspec.json.decode(self._ask(text), type=_Answer)
        if answer.refused:
            raise LoadClientError(f"{text.split(maxsplit=1)[0]}: {answer.refused}")

    def _ask(self, text: str) -> bytes:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(text.encode() + b"\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = b""
        if not answer:
            raise LoadClientError(f"the load client ended with status {self._process.wait()}")
        return answer


def descriptor_limit() -> int:
    """How many clients the descriptors of one process allow."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if hard == resource.RLIM_INFINITY else hard - SPARE_DESCRIPTORS
