"""Everything around a service: event loop, signals, health endpoints, logs and the exit code."""

import asyncio
import contextlib
import functools
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from typing import Final

import uvloop

from marketdata.observability.health import HealthServer, Workers
from marketdata.observability.logs import get_logger
from marketdata.runtime.cancellation import end
from marketdata.runtime.garbage_collection import tune_garbage_collection
from marketdata.runtime.reporting import Reporting
from marketdata.runtime.restart import begin_again_if_requested
from marketdata.runtime.service import Service

STOP_DEADLINE_SECONDS: Final = 10.0
READY_POLL_SECONDS: Final = 0.1

log = get_logger(__name__)


def run_service(
    service: Service,
    *,
    health_host: str,
    health_port: int | None,
    workers: Workers | None = None,
    reporting: Reporting | None = None,
) -> None:
    """Run the service until SIGTERM or SIGINT. Returns after an orderly stop.

    `health_port`: None serves no health endpoints; 0 takes a free port, which is logged.
    `workers`: further processes whose health the endpoints report. `reporting` reports to operators what
    this process does, until it has ended.

    The first signal sets the service's stopping event. A second signal, or a stop that takes longer than
    10 s, ends the process at once with exit code 1.

    Raises:
        SystemExit: with code 1 if the service failed, ended by itself, or its health port is taken.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        stop = _StopRequest(service.name)
        exit_code = runner.run(
            _serve(service, stop, health_host, health_port, workers=workers, reporting=reporting)
        )
    stop.completed()
    if exit_code:
        sys.exit(exit_code)


async def _serve(
    service: Service,
    stop: "_StopRequest",
    health_host: str,
    health_port: int | None,
    *,
    workers: Workers | None,
    reporting: Reporting | None,
) -> int:
    stop.listen_for_signals()
    async with contextlib.AsyncExitStack() as stack:
        if health_port is not None:
            unready = functools.partial(_unready, service, stop.event)
            server = HealthServer(service.name, unready, host=health_host, port=health_port, workers=workers)
            try:
                await stack.enter_async_context(server)
            except OSError as error:
                reason = str(error)
                log.error("health port taken", host=health_host, port=health_port, reason=reason)  # noqa: TRY400
                return 1
            log.info("health endpoints served", host=health_host, port=server.port)
            if reporting is not None:
                reporting.served_at(health_host, server.port)
        announcing = asyncio.create_task(_announce_ready(service, time.monotonic()), name="announce ready")
        stack.push_async_callback(end, announcing)
        if reporting is not None:
            reported = reporting.of(service.status, functools.partial(_unready, service, stop.event))
            await stack.enter_async_context(reported)
        exit_code = await _run_to_the_end(service, stop.event)
        if exit_code and reporting is not None:
            reporting.failed()
        return exit_code


async def _run_to_the_end(service: Service, stopping: asyncio.Event) -> int:
    try:
        await service.run(stopping)
    except Exception:  # the process boundary - any error is logged once and becomes the exit code
        log.exception("service failed", service=service.name)
        return 1
    if not stopping.is_set():
        log.error("service ended by itself", service=service.name)
        return 1
    log.info("service stopped", service=service.name)
    return 0


def _unready(service: Service, stopping: asyncio.Event) -> Mapping[str, str]:
    return {service.name: "stopping"} if stopping.is_set() else service.unready()


async def _announce_ready(service: Service, started: float) -> None:
    """Wait for readiness; then log it and tune garbage collection for the objects that live from now on."""
    while service.unready():  # noqa: ASYNC110 - a service can be asked for readiness, it does not announce it
        await asyncio.sleep(READY_POLL_SECONDS)
    tune_garbage_collection()
    log.info(
        "service ready", service=service.name, pid=os.getpid(), seconds=round(time.monotonic() - started, 3)
    )


class _StopRequest:
    """Sets the stopping event on a signal, and enforces the deadline in a thread of its own.

    The deadline must hold even if the event loop is stuck.
    """

    def __init__(self, service_name: str) -> None:
        self.event = asyncio.Event()
        self._service_name = service_name
        self._deadline: threading.Timer | None = None

    def listen_for_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal, signal.Signals(number).name)

    def completed(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()

    def _on_signal(self, name: str) -> None:
        if self.event.is_set():
            self._force_exit("second signal")
        log.info("service stopping", service=self._service_name, signal=name)
        self.event.set()
        self._deadline = threading.Timer(STOP_DEADLINE_SECONDS, self._force_exit, ["deadline"])
        self._deadline.daemon = True
        self._deadline.start()

    def _force_exit(self, reason: str) -> None:
        log.error("service forced to exit", service=self._service_name, reason=reason)
        logging.shutdown()
        begin_again_if_requested()
        os._exit(1)
