"""Records the provider's feed to disk over a connection of its own, without a listener."""

import asyncio
from collections.abc import Mapping
from typing import Final

from marketdata.clock import SystemClock
from marketdata.listener.role import connection_role
from marketdata.observability.logs import get_logger
from marketdata.providers.base import Provider, ProviderState
from marketdata.recording.recorder import Recorder
from marketdata.recording.settings import RECORDER, RecorderSettings
from marketdata.runtime.cancellation import run_beside
from marketdata.runtime.leadership import RenewableLease
from marketdata.runtime.live_settings import LiveSettings
from marketdata.runtime.report import LEADER, STANDBY, ServiceStatus
from marketdata.runtime.steering import Records, Steering
from marketdata.runtime.working import work_while_wanted

EXPLAINED_AFTER_SECONDS: Final = 2.0
"""How often the recorder checks whether it waits for another process, to log it."""

log = get_logger(__name__)


class FeedRecorder:
    """The service behind `manage.py record_feed`; implements `marketdata.runtime.service.Service`.

    The provider allows one connection for each account. So the recorder competes for the listener's lease:
    while a listener runs, it stands by. The caller opens and closes `recorder`.

    With `records` it follows what operators want, and starts from the settings in `live`. At a pause it
    finishes its file and gives the lease back.
    """

    name: Final = RECORDER

    def __init__(
        self,
        provider: Provider,
        recorder: Recorder,
        *,
        lease: RenewableLease | None = None,
        live: LiveSettings[RecorderSettings] | None = None,
        records: Records | None = None,
    ) -> None:
        self._provider = provider
        self._recorder = recorder
        self._leadership = connection_role(lease)
        self._live = live or LiveSettings(RecorderSettings(), source=self.name, clock=SystemClock())
        self._steering = Steering(records, self._live, default=self._live.current)

    def unready(self) -> Mapping[str, str]:
        """What keeps it from recording (`lease`, `provider`, `disk`) -> why; empty also at a pause."""
        if not self._live.works:
            return {}
        status = self._provider.status
        live = status.state is ProviderState.LIVE
        reasons = {
            "lease": self._leadership.why_not_leading,
            "provider": "" if live else " ".join(filter(None, (status.state, status.reason, status.detail))),
            "disk": self._recorder.failure,
        }
        return {dependency: reason for dependency, reason in reasons.items() if reason}

    def status(self) -> ServiceStatus:
        """Its role, and the version of its settings. How much it records is in its log and its metrics."""
        role = LEADER if self._leadership.leads else STANDBY
        return ServiceStatus(role=role, settings=self._steering.status)

    async def run(self, stopping: asyncio.Event) -> None:
        """Record while this process holds the role. After `stopping`, close the feed and finish the file."""
        await self._steering.begin()
        try:
            await run_beside(
                work_while_wanted(self._live, stopping, self._record_in_turn),
                self._explain_wait(),
                self._steering.run(),
            )
        finally:
            await self._steering.withdraw()

    async def _record_in_turn(self, over: asyncio.Event) -> None:
        await self._leadership.run(over, self._record)

    async def _explain_wait(self) -> None:
        """Log advice once for each period in which another process holds the role."""
        explained = False
        while True:
            await asyncio.sleep(EXPLAINED_AFTER_SECONDS)
            waits = self._live.works and not self._leadership.leads
            if waits and not explained:
                log.warning(
                    "waiting for the one connection that the provider allows",
                    reason=self._leadership.why_not_leading,
                    advice="to record beside a listener, let it do so: "
                    "manage.py run_listener --record DIRECTORY",
                )
            explained = waits

    async def _record(self, ending: asyncio.Event) -> None:
        """Record while the role is held. `ending` is set when the role is lost or the process stops."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._record_frames(), name="record")
            await self._provider.run(ending)

    async def _record_frames(self) -> None:
        while frames := await self._provider.frames():
            self._recorder.record(frames)
        self._recorder.finish_file()
