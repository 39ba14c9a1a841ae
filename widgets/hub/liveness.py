"""The status: collects the facts behind it, and decides when it is judged and sent.

The facts are the age of what was sent, silent channels, and the listener's record.
"""

import math
from collections.abc import Callable, Mapping, Sequence

import msgspec

from marketdata.clock import Clock
from marketdata.listener.wanted import ListenerActual
from marketdata.observability import metrics
from marketdata.observability.logs import get_logger
from marketdata.providers.base import FeedOutlook
from marketdata.units import MS_PER_SECOND, NS_PER_MS, NS_PER_SECOND
from widgets.data_state import DataState
from widgets.hub.feeds import StoredFeeds
from widgets.hub.timing import HubTiming
from widgets.hub.verdict import FRESH_SECONDS, Facts, judge
from widgets.protocol import Status


class _Channel:
    """The last announcement of a channel, and its newest sent data. Times `..._at` are monotonic seconds."""

    def __init__(self) -> None:
        self.announced_at: float | None = None
        self.received_ns = 0
        self.advanced_at: float | None = None

    def note_sent(self, now: float, received_ns: int) -> None:
        if received_ns > self.received_ns:
            self.received_ns, self.advanced_at = received_ns, now

    def age_seconds(self, clock: Clock) -> float | None:
        """Age of the newest data: the time since it was received, but at least since it last became newer.

        The second bound matters if the clock of the receiving machine is ahead: otherwise its data would
        look fresh after it stopped.
        """
        if self.advanced_at is None:
            return None
        by_received_time = (clock.time_ns() - self.received_ns) / NS_PER_SECOND
        return max(by_received_time, clock.monotonic() - self.advanced_at)


class Liveness:
    """Collects the `Facts` for `widgets.hub.verdict`. All methods belong to one event loop; none waits.

    `banner` returns the text of an operator that every status has.
    """

    def __init__(
        self,
        stored: StoredFeeds,
        clock: Clock,
        fresh_seconds: float = FRESH_SECONDS,
        banner: Callable[[], str] = str,
    ) -> None:
        self._banner = banner
        self._clock = clock
        self._fresh_seconds = fresh_seconds
        self._shards = {channel: _Channel() for channel in stored.shards}
        self._boards = {channel: _Channel() for channel in stored.boards}
        self._shard_labels: Mapping[str, str] = {key: f"shard {n}" for key, n in stored.shards.items()}
        self._board_labels: Mapping[str, str] = stored.boards
        self._channels = self._shards | self._boards
        self._listener: ListenerActual | None = None
        self._listener_is_known = False
        self._paused_roles: Sequence[str] = ()
        self._store_is_away = False
        self._hub_has_failed = False
        self._began_at = clock.monotonic()
        self._is_known = False

    def begin(self) -> None:
        """Note that the hub starts to receive announcements, for the first time or again.

        A silent channel means nothing until each channel had time to announce something.
        """
        self._began_at = self._clock.monotonic()

    def note_announcement(self, channel: str) -> None:
        """Note an announcement, which shows that the producer of the channel works."""
        if (known := self._channels.get(channel)) is not None:
            known.announced_at = self._clock.monotonic()

    def note_sent(self, received_ns: Mapping[str, int]) -> None:
        """Note that the state of these channels was sent to all connections, where it differs from before.

        The values are the received times of the newest data. Only what was sent counts as fresh: a hub that
        is behind has old data, although it hears new announcements.
        """
        now = self._clock.monotonic()
        for channel, received in received_ns.items():
            if (known := self._channels.get(channel)) is not None:
                known.note_sent(now, received)

    def note_failure(self, failure: str) -> None:
        """Note that the hub failed and will start over; empty when it runs again."""
        self._hub_has_failed = bool(failure)
        self.begin()

    def note_listener(self, actual: ListenerActual | None) -> None:
        """Note that the store answered with this record of the listener; None if it has no record."""
        self._listener, self._listener_is_known = actual, True
        if self._store_is_away:
            self._store_is_away = False
            self.begin()

    def note_paused(self, roles: Sequence[str]) -> None:
        """Note the roles of which operators want no process to work."""
        self._paused_roles = roles

    def note_store_failure(self) -> None:
        """Note that the store did not answer."""
        self._store_is_away = True

    @property
    def is_known(self) -> bool:
        """Whether there is a verdict. After the start there is none until each channel could announce."""
        self._is_known = (
            self._is_known or self._store_is_away or self._hub_has_failed or not self._is_settling
        )
        return self._is_known

    def status(self) -> Status:
        """The verdict now, with a reason that people can read."""
        verdict = judge(self.facts())
        age = self._newest_age(self._channels)
        outlook = FeedOutlook() if self._listener is None else self._listener.outlook
        return Status(
            state=verdict.state,
            age_ms=None if age is None else max(0, round(age * MS_PER_SECOND)),
            detail=verdict.detail,
            opens_ms=outlook.opens_ms or None if verdict.state is DataState.MARKET_CLOSED else None,
            feed_delay_ms=outlook.delay_ms,
            banner=self._banner(),
            lost_events=0 if self._listener is None else sum(self._listener.counters.events_dropped.values()),
        )

    def update_metrics(self) -> None:
        """Set the metrics of the data state, if there is a verdict."""
        if not self.is_known:
            return
        status = self.status()
        for state in DataState:
            metrics.HUB_DATA_STATE.labels(state).set(state is status.state)
        metrics.HUB_DATA_AGE_SECONDS.set(math.nan if status.age_ms is None else status.age_ms / MS_PER_SECOND)

    def facts(self) -> Facts:
        """The facts at this moment."""
        settling = self._is_settling
        return Facts(
            row_age=self._newest_age(self._shards),
            board_age=self._newest_age(self._boards),
            shard_ages=[channel.age_seconds(self._clock) for channel in self._shards.values()],
            silent_shards=[] if settling else self._silent(self._shards, self._shard_labels),
            silent_boards=[] if settling else self._silent(self._boards, self._board_labels),
            cache_is_away=self._store_is_away,
            hub_has_failed=self._hub_has_failed,
            settling=settling,
            listener=self._listener,
            paused_roles=self._paused_roles,
            fresh_seconds=self._fresh_seconds,
        )

    @property
    def _is_settling(self) -> bool:
        if self._clock.monotonic() >= self._began_at + self._fresh_seconds:
            return False
        all_announced = not self._not_announced_since(self._began_at, self._channels)
        return not (all_announced and self._listener_is_known)

    def _newest_age(self, channels: Mapping[str, _Channel]) -> float | None:
        ages = [channel.age_seconds(self._clock) for channel in channels.values()]
        return min((age for age in ages if age is not None), default=None)

    def _silent(self, channels: Mapping[str, _Channel], labels: Mapping[str, str]) -> list[str]:
        since = self._clock.monotonic() - self._fresh_seconds
        return [labels[name] for name in self._not_announced_since(since, channels)]

    def _not_announced_since(self, since: float, channels: Mapping[str, _Channel]) -> list[str]:
        return [
            name
            for name, channel in channels.items()
            if channel.announced_at is None or channel.announced_at < since
        ]


_log = get_logger(__name__)


class StatusReport:
    """Sends the status when it changes, and every `status_seconds`. `send` sends it to all connections."""

    def __init__(
        self, liveness: Liveness, clock: Clock, timing: HubTiming, send: Callable[[Status], None]
    ) -> None:
        self._liveness = liveness
        self._clock = clock
        self._timing = timing
        self._send = send
        self._last: Status | None = None
        self._sent: Status | None = None
        self._sent_at = self._judged_at = 0.0
        self._since_ms = 0

    @property
    def since_ms(self) -> int:
        """Since when the last status has its state (epoch milliseconds of this process); 0 without one."""
        return self._since_ms

    @property
    def last(self) -> Status | None:
        """The status that was judged last; None before it is known. May be read from any thread."""
        return self._last

    def now(self) -> Status | None:
        """The status at this moment; None before it is known."""
        return self._liveness.status() if self._liveness.is_known else None

    def send_when_recovered(self) -> None:
        """Judge the data after a walk, unless it is live or was judged a moment ago."""
        is_live = self._sent is not None and self._sent.state is DataState.LIVE
        if not is_live and self._clock.monotonic() - self._judged_at >= self._timing.recovery_seconds:
            self.send_when_due()

    def send_when_due(self) -> None:
        """Judge the data and, if it is due, send the status."""
        now = self._judged_at = self._clock.monotonic()
        status = self.now()
        if status is None:
            return
        if self._last is None or status.state is not self._last.state:
            self._since_ms = self._clock.time_ns() // NS_PER_MS
        self._last = status
        before = self._sent
        if before is not None and status.state is before.state:
            # Numbers that grow are told with the next status that is due anyway. A changed detail of the same
            # state is sent with the housekeeping, not with each walk.
            numbers = {"age_ms": before.age_ms, "lost_events": before.lost_events}
            same = msgspec.structs.replace(status, **numbers) == before
            pause = self._timing.status_seconds if same else self._timing.housekeeping_seconds
            if now - self._sent_at < pause:
                return
        else:
            _log.info("market data status", state=status.state, detail=status.detail)
        self._sent, self._sent_at = status, now
        self._send(status)
