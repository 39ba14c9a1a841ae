"""The task that reads the keys that feeds want from the store."""

import asyncio
from collections.abc import Callable, Sequence

from marketdata.errors import ContentError, StoreUnavailable
from marketdata.observability.logs import get_logger
from widgets.hub.feeds import FeedSource
from widgets.hub.switchboard import Switchboard
from widgets.hub.timing import HubTiming

_log = get_logger(__name__)


class StoreReader:
    """Reads each wanted key once per `read_seconds`, or per `retry_seconds` while the store does not answer.

    `note_store_failure` is called each time the store does not answer.
    """

    def __init__(
        self, switchboard: Switchboard, timing: HubTiming, note_store_failure: Callable[[], None]
    ) -> None:
        self._switchboard = switchboard
        self._timing = timing
        self._note_store_failure = note_store_failure

    async def run(self) -> None:
        """Read until cancelled."""
        switchboard = self._switchboard
        while True:
            await switchboard.read_requested.wait()
            switchboard.read_requested.clear()
            answered = True
            for source in switchboard.sources:
                for wanted in source.take_wanted():
                    answered &= await self._restore(source, wanted)
            await asyncio.sleep(self._timing.read_seconds if answered else self._timing.retry_seconds)

    async def _restore(self, source: FeedSource, wanted: Sequence[str]) -> bool:
        """Have a source read its wanted keys. Returns whether the store answered."""
        try:
            await source.restore(wanted)
        except StoreUnavailable:
            self._note_store_failure()
            source.want(wanted)
            return False
        except ContentError as error:
            _log.error("stored feed cannot be read", kind=source.kind, keys=wanted, error=str(error))
        return True
