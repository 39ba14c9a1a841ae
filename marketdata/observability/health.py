"""The health endpoints of a long-running command: `/healthz`, `/readyz` and `/metrics`."""

import asyncio
import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client import REGISTRY as DEFAULT_REGISTRY

from marketdata.clock import Clock, SystemClock
from marketdata.observability import metrics

HEARTBEAT_INTERVAL_SECONDS: Final = 0.5
STUCK_AFTER_SECONDS: Final = 5.0


class LoopHeartbeat:
    """Measures how late the event loop runs its timers.

    A blocked loop cannot answer HTTP, so a probe times out. A starved loop (callback after callback) may
    still answer; this heartbeat shows it.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._last_beat = self._clock.monotonic()

    @property
    def silent_seconds(self) -> float:
        """Time since the last beat."""
        return self._clock.monotonic() - self._last_beat

    def beat(self) -> None:
        """Record that the loop ran, and how late it was."""
        metrics.EVENT_LOOP_LAG.observe(max(0.0, self.silent_seconds - HEARTBEAT_INTERVAL_SECONDS))
        self._last_beat = self._clock.monotonic()

    async def run(self) -> None:
        """Beat until cancelled."""
        self._last_beat = self._clock.monotonic()
        while True:
            await asyncio.sleep(HEARTBEAT_INTERVAL_SECONDS)
            self.beat()


class Workers(Protocol):
    """The worker processes whose health a parent reports."""

    def statuses(self) -> Sequence[Mapping[str, object]]:
        """The state of each worker, ready for JSON."""

    def stuck(self) -> Mapping[str, str]:
        """Workers that run and no longer answer: name -> for how long."""

    async def with_metrics(self, own: bytes) -> bytes:
        """The parent's metrics page, merged with those of its workers."""


class HealthServer:
    """Serves the three endpoints on an address of its own; an async context manager.

    `/healthz`: 200 while neither this loop nor a worker's is stuck; it checks no dependency. `/readyz`: 200,
    or 503 with a JSON object of the reasons. It has the process id, so that a prober knows who answered.
    `/metrics`: the Prometheus text format. With `workers`, all three include them.
    """

    def __init__(
        self,
        service: str,
        unready: Callable[[], Mapping[str, str]],
        *,
        host: str,
        port: int,
        heartbeat: LoopHeartbeat | None = None,
        registry: CollectorRegistry = DEFAULT_REGISTRY,
        workers: Workers | None = None,
    ) -> None:
        self._service = service
        self._unready = unready
        self._host = host
        self._requested_port = port
        self._heartbeat = heartbeat or LoopHeartbeat()
        self._registry = registry
        self._workers = workers
        self._runner: web.AppRunner | None = None
        self._beating: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port in use, once started. If 0 was requested, the system chose it."""
        if self._runner is None or not self._runner.addresses:
            return self._requested_port
        return int(self._runner.addresses[0][1])

    async def start(self) -> None:
        """Bind and serve.

        Raises:
            OSError: the address cannot be bound.
        """
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._requested_port).start()
        self._beating = asyncio.create_task(self._heartbeat.run(), name="loop heartbeat")

    async def close(self) -> None:
        """Stop serving. May be called twice."""
        if self._beating is not None:
            self._beating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._beating
            self._beating = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> "HealthServer":
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def _healthz(self, _request: web.Request) -> web.Response:
        silent = self._heartbeat.silent_seconds
        stuck = {} if self._workers is None else self._workers.stuck()
        alive = silent < STUCK_AFTER_SECONDS and not stuck
        body: dict[str, object] = {
            "service": self._service,
            "alive": alive,
            "loop_silent_seconds": round(silent, 3),
        }
        if self._workers is not None:
            body |= {"stuck": dict(stuck), "workers": list(self._workers.statuses())}
        return web.json_response(body, status=200 if alive else 503)

    async def _readyz(self, _request: web.Request) -> web.Response:
        unready = dict(self._unready())
        metrics.SERVICE_READY.set(0 if unready else 1)
        body = {"service": self._service, "pid": os.getpid(), "ready": not unready, "unready": unready}
        return web.json_response(body, status=503 if unready else 200)

    async def _metrics(self, _request: web.Request) -> web.Response:
        metrics.SERVICE_READY.set(0 if self._unready() else 1)
        page = generate_latest(self._registry)
        if self._workers is not None:
            page = await self._workers.with_metrics(page)
        return web.Response(body=page, headers={"Content-Type": CONTENT_TYPE_LATEST})
