"""The facts behind the status: how old the shown data is, who has fallen silent, what the listener tells."""

import math
from collections.abc import Mapping
from typing import Final

from marketdata.clock import Clock
from marketdata.listener.wanted import ListenerActual
from marketdata.observability import metrics
from marketdata.providers.base import FeedOutlook
from widgets.data_state import DataState
from widgets.hub.feeds import StoredFeeds
from widgets.hub.verdict import FRESH_SECONDS, Facts, judge
from widgets.protocol import Status

_NANOSECONDS_PER_SECOND: Final = 1e9
_MS_PER_SECOND: Final = 1_000


class _Heard:
    """One channel: when it last spoke, and the newest data that it brought."""

    def __init__(self) -> None:
        self.at: float | None = None
        self.received_ns = 0
        self.advanced_at: float | None = None

    def note(self, now: float, received_ns: int) -> None:
        self.at = now
        if received_ns > self.received_ns:
            self.received_ns, self.advanced_at = received_ns, now

    def age_seconds(self, clock: Clock) -> float | None:
        """Age of the newest data: by its received time, and not less than since it last became newer.

        So data of a machine whose clock is ahead does not stay young after it ended.
        """
        if self.advanced_at is None:
            return None
        by_received_time = (clock.time_ns() - self.received_ns) / _NANOSECONDS_PER_SECOND
        return max(by_received_time, clock.monotonic() - self.advanced_at)


class Liveness:
    """Collects what `widgets.hub.verdict` judges. All methods belong to one event loop; none waits."""

    def __init__(self, stored: StoredFeeds, clock: Clock, fresh_seconds: float = FRESH_SECONDS) -> None:
        self._clock = clock
        self._fresh_seconds = fresh_seconds
        self._shards = {channel: _Heard() for channel in stored.shards}
        self._boards = {channel: _Heard() for channel in stored.boards}
        self._shard_labels: Mapping[str, str] = {key: f"shard {n}" for key, n in stored.shards.items()}
        self._board_labels: Mapping[str, str] = stored.boards
        self._channels = self._shards | self._boards
        self._listener: ListenerActual | None = None
        self._listener_is_known = False
        self._store_is_away = False
        self._began_at = clock.monotonic()
        self._is_known = False

    def begin(self) -> None:
        """Listening starts now, or again: until every channel had the time to speak, silence says nothing."""
        self._began_at = self._clock.monotonic()

    def heard(self, channel: str, received_ns: int) -> None:
        """Note an announcement and the received time of the newest data behind it."""
        if (heard := self._channels.get(channel)) is not None:
            heard.note(self._clock.monotonic(), received_ns)

    def listener_told(self, actual: ListenerActual | None) -> None:
        """Note what the store says of the listener, and that the store answered."""
        self._listener, self._listener_is_known = actual, True
        if self._store_is_away:
            self._store_is_away = False
            self.begin()

    def store_failed(self) -> None:
        """Note that the store did not answer."""
        self._store_is_away = True

    @property
    def is_known(self) -> bool:
        """Whether there is a verdict: of the beginning there is none until everybody could be heard."""
        self._is_known = self._is_known or self._store_is_away or not self._is_settling
        return self._is_known

    def status(self) -> Status:
        """The verdict now, with its reason in words that people can read."""
        verdict = judge(self.facts())
        age = self._newest_age(self._channels)
        outlook = FeedOutlook() if self._listener is None else self._listener.outlook
        return Status(
            state=verdict.state,
            age_ms=None if age is None else max(0, round(age * _MS_PER_SECOND)),
            detail=verdict.detail,
            opens_ms=outlook.opens_ms or None if verdict.state is DataState.MARKET_CLOSED else None,
            feed_delay_ms=outlook.delay_ms,
        )

    def show_on_metrics(self) -> None:
        """Put the verdict on the metrics page, once there is one."""
        if not self.is_known:
            return
        status = self.status()
        for state in DataState:
            metrics.HUB_DATA_STATE.labels(state).set(state is status.state)
        metrics.HUB_DATA_AGE_SECONDS.set(
            math.nan if status.age_ms is None else status.age_ms / _MS_PER_SECOND
        )

    def facts(self) -> Facts:
        """What is known now."""
        settling = self._is_settling
        return Facts(
            row_age=self._newest_age(self._shards),
            board_age=self._newest_age(self._boards),
            shard_ages=[heard.age_seconds(self._clock) for heard in self._shards.values()],
            silent_shards=[] if settling else self._silent(self._shards, self._shard_labels),
            silent_boards=[] if settling else self._silent(self._boards, self._board_labels),
            cache_is_away=self._store_is_away,
            settling=settling,
            listener=self._listener,
            fresh_seconds=self._fresh_seconds,
        )

    @property
    def _is_settling(self) -> bool:
        if self._clock.monotonic() >= self._began_at + self._fresh_seconds:
            return False
        began_at = self._began_at
        everybody = all(heard.at is not None and heard.at >= began_at for heard in self._channels.values())
        return not (everybody and self._listener_is_known)

    def _newest_age(self, channels: Mapping[str, _Heard]) -> float | None:
        ages = [heard.age_seconds(self._clock) for heard in channels.values()]
        return min((age for age in ages if age is not None), default=None)

    def _silent(self, channels: Mapping[str, _Heard], labels: Mapping[str, str]) -> list[str]:
        since = self._clock.monotonic() - self._fresh_seconds
        return [
            labels[channel] for channel, heard in channels.items() if heard.at is None or heard.at < since
        ]
