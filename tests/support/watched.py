"""A client that is served while another one attacks the web server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from prometheus_client import REGISTRY
from websockets.asyncio.client import ClientConnection, connect

from mdp_site.web_server.reasons import Reason
from tests.support.deadlines import eventually
from tests.support.web_server import ServedLounge, Visit
from widgets.wire import PreparedFrame

WITHIN_SECONDS: Final = 15.0
FRAMES_AFTERWARDS: Final = 20
TICK_SECONDS: Final = 0.01
OWN_ADDRESS: Final = "127.0.0.9"


def cut_off(reason: Reason) -> float:
    """How many clients were cut off for this reason."""
    return REGISTRY.get_sample_value("mdp_web_cut_off_total", {"reason": reason.value}) or 0.0


class Ticker:
    """Sends numbered frames to one client, and notes what arrives."""

    def __init__(self, client: ClientConnection) -> None:
        self.arrived = 0
        self._reading = asyncio.create_task(self._read(client))

    async def _read(self, client: ClientConnection) -> None:
        async for _ in client:
            self.arrived += 1

    async def still_served(self) -> None:
        """Wait until more frames have come since now."""
        wanted = self.arrived + FRAMES_AFTERWARDS
        await eventually(lambda: self.arrived >= wanted, WITHIN_SECONDS)


@contextlib.asynccontextmanager
async def watched(served: ServedLounge) -> AsyncIterator[Ticker]:
    """Another client, which is served during the context and after it."""
    async with connect(served.url, proxy=None, local_addr=(OWN_ADDRESS, 0)) as client:
        visit = served.visit(len(served.lounge.visits) - 1 if served.lounge.visits else 0)
        ticking = served.call(lambda: asyncio.get_running_loop().create_task(_tick(visit)))
        ticker = Ticker(client)
        try:
            await ticker.still_served()
            yield ticker
            await ticker.still_served()
        finally:
            served.call(ticking.cancel)


async def _tick(visit: Visit) -> None:
    while True:
        visit.sink.write([PreparedFrame("tick")])
        await asyncio.sleep(TICK_SECONDS)


async def attack(ticker: Ticker, work: Callable[[], Any]) -> Any:
    """Run the attack in a thread. The other client gets frames during it, however long it takes."""
    done = asyncio.create_task(asyncio.to_thread(work))
    await ticker.still_served()
    return await done
