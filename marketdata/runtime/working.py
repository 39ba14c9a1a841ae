"""Runs the work of a service while operators want it, and pauses it while they do not."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from marketdata.observability.logs import get_logger
from marketdata.runtime.cancellation import finished_before, run_beside
from marketdata.runtime.live_settings import LiveSettings

log = get_logger(__name__)


async def work_while_wanted(
    live: LiveSettings[Any],
    stopping: asyncio.Event,
    work: Callable[[asyncio.Event], Coroutine[Any, Any, None]],
) -> None:
    """Call `work` whenever this process shall work, until `stopping` is set.

    `work` must return in order once its event is set: at a pause, or at `stopping`. If it returns before
    that, this function returns, too.
    """
    while await finished_before(live.until(lambda _: live.works), stopping):
        over = asyncio.Event()
        await run_beside(work(over), _set_at_the_end(live, stopping, over))
        if stopping.is_set() or not over.is_set():
            return
        log.info("paused by an operator", source=live.source)


async def _set_at_the_end(live: LiveSettings[Any], stopping: asyncio.Event, over: asyncio.Event) -> None:
    """Set `over` at a pause or at `stopping`; then wait to be cancelled."""
    await finished_before(live.until(lambda _: not live.works), stopping)
    over.set()
    await asyncio.Event().wait()
