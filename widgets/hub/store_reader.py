"""The task that reads from the store what feeds want."""

import asyncio
from collections.abc import Callable, Sequence

from marketdata.errors import ContentError, StoreUnavailable
from marketdata.observability.logs import get_logger
from widgets.hub.feeds import FeedSource
from widgets.hub.switchboard import Switchboard
from widgets.hub.timing import HubTiming

_log = get_logger(__name__)


class StoreReader:
    """Reads a key once per `read_seconds`, whoever asks; while the store is away, per `retry_seconds`."""

    def __init__(self, switchboard: Switchboard, timing: HubTiming, store_failed: Callable[[], None]) -> None:
        self._switchboard = switchboard
        self._timing = timing
        self._store_failed = store_failed

    async def run(self) -> None:
        """Read for ever, until cancelled."""
        switchboard = self._switchboard
        while True:
            await switchboard.unread.wait()
            switchboard.unread.clear()
            answered = True
            for source in switchboard.sources:
                for wanted in source.take_wanted():
                    answered &= await self._restore(source, wanted)
            await asyncio.sleep(self._timing.read_seconds if answered else self._timing.retry_seconds)

    async def _restore(self, source: FeedSource, wanted: Sequence[str]) -> bool:
        """Whether the store answered."""
        try:
            await source.restore(wanted)
        except StoreUnavailable:
            self._store_failed()
            source.want(wanted)
            return False
        except ContentError as error:
            _log.error("stored feed cannot be read", kind=source.kind, keys=wanted, error=str(error))
        return True
