"""Starts all processes of the demo in order, shows when each is ready, and stops them."""

import asyncio
import signal
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from marketdata.runtime.cancellation import finished_before
from marketdata.runtime.processes import ProcessManager, ProcessSpec
from mdp_site.dev.demo.environment import DEMO_USER, OPERATOR_USER, DemoError, Ports, uses_real_feed
from mdp_site.dev.demo.plan import (
    LOAD_REFERENCE,
    MIGRATE,
    ROOT,
    START_LISTENER,
    PlannedProcess,
    background_jobs,
    cache_server,
    chosen_scenario,
    identity_provider,
    market,
    platform,
)
from mdp_site.dev.demo.readiness import until_listening, until_ready


class Supervisor:
    """One run of the demo. `outer` is the caller's environment; `settings` are added for the processes."""

    def __init__(
        self, state: Path, ports: Ports, outer: Mapping[str, str], settings: Mapping[str, str]
    ) -> None:
        self._state = state
        self._ports = ports
        self._settings = settings
        self._environment = child_environment(outer, settings)
        self._with_simulator = not uses_real_feed(outer)
        self._scenario = chosen_scenario(outer)
        self._manager = ProcessManager(state / "pids.json")
        self._started = time.monotonic()

    async def run(self) -> None:
        """Start all processes, print the address, wait for Ctrl-C or SIGTERM, and stop all processes.

        Raises:
            DemoError: a process did not become ready, or a step failed. All processes were stopped.
        """
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopping.set)
        for name in await self._manager.end_leftovers():
            self._say(f"ended {name}, left over from a run that was killed")
        try:
            if await finished_before(self._start(), stopping):
                self._announce()
                await stopping.wait()
        finally:
            print("\nStopping ...", flush=True)
            await self._manager.stop_all()
            print("Stopped.", flush=True)

    async def _start(self) -> None:
        await self._start_all([cache_server(self._ports, self._state, self._settings["CACHE_PASSWORD"])])
        await until_listening("cache", self._ports.cache)
        self._say("cache ready")
        external = [identity_provider(self._ports, self._state)]
        if self._with_simulator:
            external.append(market(self._ports, self._scenario))
        # The simulator needs some seconds to start. The database is migrated at the same time.
        await asyncio.gather(self._start_all(external), self._step("database", MIGRATE))
        await asyncio.gather(self._ready(external), self._step("settings", START_LISTENER))
        services = platform(self._ports)
        await self._start_all(services)
        await asyncio.gather(self._ready(services), self._step("reference data", LOAD_REFERENCE))
        # The jobs start last: before the step has loaded the reference data they would load it a second time.
        await self._start_all(jobs := background_jobs())
        await self._ready(jobs)

    async def _start_all(self, processes: Iterable[PlannedProcess]) -> None:
        for process in processes:
            await self._manager.start(
                ProcessSpec(
                    name=process.name,
                    argv=process.command,
                    log_path=self._log_path(process.name),
                    environment=self._environment,
                    working_directory=ROOT,
                )
            )

    async def _step(self, name: str, command: Sequence[str]) -> None:
        """Run a command until it ends. Its output goes to a log file."""
        log_path = self._log_path(name.replace(" ", "-"))
        log_path.parent.mkdir(parents=True, exist_ok=True)
        with log_path.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
                cwd=ROOT,
            )
            try:
                code = await process.wait()
            except asyncio.CancelledError:
                process.kill()
                await process.wait()
                raise
        if code:
            raise DemoError(f"{name} failed (exit code {code}); the reason is at the end of {log_path}")
        self._say(f"{name} ready")

    async def _ready(self, processes: Iterable[PlannedProcess]) -> None:
        """Wait until all processes are ready, and print a line for each."""
        await asyncio.gather(*map(self._ready_one, processes))

    async def _ready_one(self, process: PlannedProcess) -> None:
        try:
            await until_ready(process)
        except DemoError as error:
            raise DemoError(f"{error}\nIts log: {self._log_path(process.name)}") from error
        self._say(f"{process.name} ready")

    def _log_path(self, name: str) -> Path:
        return self._state / "logs" / f"{name}.log"

    def _say(self, text: str) -> None:
        print(f"  {time.monotonic() - self._started:5.1f} s  {text}", flush=True)

    def _announce(self) -> None:
        synthetic = f"a synthetic market of 11,000 symbols, scenario {self._scenario}"
        feed = synthetic if self._with_simulator else "the provider's real feed"
        print(
            f"\n  {self._settings['SITE_URL']}/\n"
            f"  log in as {DEMO_USER} with password {self._settings['DEMO_PASSWORD']}\n"
            f"  log in as {OPERATOR_USER} with password {self._settings['DEMO_OPERATOR_PASSWORD']} "
            f"to steer the services: {self._settings['SITE_URL']}/admin/\n\n"
            f"  Feed: {feed}. Logs: {self._state / 'logs'}. Ctrl-C stops everything.",
            flush=True,
        )


def child_environment(outer: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process: the caller's environment, overridden by the demo's settings.

    PATH begins with the directory of this Python, so that `python` in the Procfile is the same one.
    """
    path = f"{Path(sys.executable).parent}:{outer.get('PATH', '/usr/bin:/bin')}"
    return {**outer, **settings, "PATH": path, "PYTHONUNBUFFERED": "1"}
