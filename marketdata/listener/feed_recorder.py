"""The recorder with a connection of its own: the provider's feed to disk, and nowhere else."""

import asyncio
from collections.abc import Mapping
from typing import Final

from marketdata.listener.lease import LeaseKeeper
from marketdata.observability.logs import get_logger
from marketdata.providers.base import Provider, ProviderState
from marketdata.recording.recorder import Recorder
from marketdata.store.leases import Lease

log = get_logger(__name__)


class FeedRecorder:
    """The service behind `manage.py record_feed`. See `marketdata.runtime.service.Service`.

    It takes the listener's own lease, as the provider allows one connection of an account: while a listener
    runs, it waits as a standby would. The recorder is the caller's, who enters and leaves it.
    """

    name: Final = "recorder"

    def __init__(self, provider: Provider, recorder: Recorder, *, lease: Lease | None = None) -> None:
        self._provider = provider
        self._recorder = recorder
        self._lease = LeaseKeeper(lease)

    def unready(self) -> Mapping[str, str]:
        """Why nothing is recorded: `lease`, `provider`, `disk`."""
        status = self._provider.status
        live = status.state is ProviderState.LIVE
        troubles = {
            "lease": self._lease.trouble,
            "provider": "" if live else " ".join(filter(None, (status.state, status.reason, status.detail))),
            "disk": self._recorder.trouble,
        }
        return {dependency: reason for dependency, reason in troubles.items() if reason}

    async def run(self, stopping: asyncio.Event) -> None:
        """Record until `stopping`; then close the feed and finish the file."""
        try:
            while not stopping.is_set() and await self._acquire(stopping):
                await self._record(stopping)
        finally:
            await self._lease.release()

    async def _acquire(self, stopping: asyncio.Event) -> bool:
        acquiring = asyncio.create_task(self._lease.acquire(stopping))
        done, _ = await asyncio.wait([acquiring], timeout=2.0)
        if not done:
            log.warning(
                "waiting for the one connection that the provider allows",
                reason=self._lease.trouble,
                advice="to record beside a listener, let it do so: manage.py run_listener --record DIRECTORY",
            )
        return await acquiring

    async def _record(self, stopping: asyncio.Event) -> None:
        """One tenure: from acquiring the lease to losing it or to `stopping`."""
        ending = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            watch = tasks.create_task(self._lease.set_at_end(ending, stopping), name="lease")
            tasks.create_task(self._take(), name="record")
            await self._provider.run(ending)
            watch.cancel()

    async def _take(self) -> None:
        while frames := await self._provider.frames():
            self._recorder.record(frames)
        self._recorder.finish_file()
