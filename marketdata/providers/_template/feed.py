"""The connection: a WebSocket. When it ends, it is opened again after a growing pause."""

import asyncio
from typing import Final

import aiohttp
from msgspec import structs

from marketdata.clock import Clock
from marketdata.feeds import ConnectionTarget, Frame
from marketdata.observability import metrics
from marketdata.observability.logs import get_logger
from marketdata.providers._template.configuration import EVERYTHING, check_target
from marketdata.providers._template.wire_format import FORMAT
from marketdata.providers.base import ProviderState, ProviderStatus
from marketdata.providers.buffered import STOPPED_BY_OPERATOR, BufferedProvider
from marketdata.runtime.backoff import Backoff
from marketdata.runtime.cancellation import end

MAX_FRAME_BYTES: Final = 16 * 2**20
PING_SECONDS: Final = 10.0

log = get_logger(__name__)


class TemplateProvider(BufferedProvider):
    """See `marketdata.providers.base.Provider`. The socket is always read; the buffer is bounded."""

    def __init__(
        self, target: ConnectionTarget, *, clock: Clock | None = None, backoff: Backoff | None = None
    ) -> None:
        super().__init__(FORMAT, clock)
        self._backoff = backoff or Backoff(initial_seconds=0.5, maximum_seconds=15.0, minimum_seconds=0.1)
        self._target: ConnectionTarget | None = None
        self._changed = asyncio.Event()
        self.set_target(target)

    def set_target(self, target: ConnectionTarget | None) -> None:
        """Connect to this target from now on; None disconnects."""
        if target is not None:
            check_target(target)
        if target != self._target:
            self._target = target
            self._changed.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Keep the feed connected until `stopping`."""
        self.buffer.open()
        try:
            while not stopping.is_set():
                self._changed.clear()
                listening = asyncio.create_task(self._listen(self._target), name="template feed")
                waits = [asyncio.create_task(event.wait()) for event in (stopping, self._changed)]
                await asyncio.wait([listening, *waits], return_when=asyncio.FIRST_COMPLETED)
                await end(listening, *waits)
        finally:
            self.buffer.close()
            self.state = ProviderStatus(ProviderState.STOPPED)

    async def _listen(self, target: ConnectionTarget | None) -> None:
        """Connect and receive, repeatedly, until cancelled."""
        if target is None:
            self.state = STOPPED_BY_OPERATOR
            await asyncio.Event().wait()
            return
        while True:
            self.state = ProviderStatus(ProviderState.CONNECTING, self.state.reason, self.state.detail)
            try:
                await self._receive(target.feed)
                reason, detail = "closed_by_server", ""
            except (aiohttp.ClientError, OSError) as error:
                reason, detail = "connection_lost", type(error).__name__
            metrics.PROVIDER_SESSIONS_ENDED.labels(reason=reason).inc()
            self.state = ProviderStatus(ProviderState.WAITING, reason, detail)
            log.warning("feed session ended", reason=reason, detail=detail)
            await asyncio.sleep(self._backoff.next_delay_seconds())

    async def _receive(self, address: str) -> None:
        """Receive on one connection until it ends."""
        async with (
            aiohttp.ClientSession() as client,
            client.ws_connect(address, max_msg_size=MAX_FRAME_BYTES, heartbeat=PING_SECONDS) as socket,
        ):
            self.report = structs.replace(
                self.report,
                number=self.report.number + 1,
                live_since_ns=self.clock.time_ns(),
                confirmed=(EVERYTHING,),
            )
            self.state = ProviderStatus(ProviderState.LIVE)
            async for message in socket:
                if message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                    self._backoff.reset()
                    received_ns = self.clock.time_ns()
                    self.buffer.append(Frame(message.data, received_ns))
                    self.report = structs.replace(self.report, newest_received_ns=received_ns)
