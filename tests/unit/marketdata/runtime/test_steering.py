"""A process follows what is wanted of it, also when news is lost, the cache is away, or a wish is refused."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec

from marketdata.errors import ConfigurationError, StoreUnavailable
from marketdata.runtime.settings import LogLevelSetting, ServiceSettings, encode_settings, read_settings
from marketdata.runtime.steering import (
    REPORT_INTERVAL_SECONDS,
    REPORT_LIFETIME_SECONDS,
    RETRY_SECONDS,
    Steering,
)
from tests.support.virtual_time import run_in_virtual_time

SOON_SECONDS = REPORT_INTERVAL_SECONDS + 0.01


class Lamp(ServiceSettings, frozen=True, kw_only=True):
    """Settings of a service that does not exist."""

    log_level: LogLevelSetting = "INFO"


class SteeredLamp:
    """Takes over everything but CRITICAL."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    @property
    def works(self) -> bool:
        return "ERROR" not in self.taken[-1:]

    def read(self, stored: bytes) -> Lamp:
        return read_settings(stored, Lamp())

    def apply(self, wanted: Lamp) -> None:
        if wanted.log_level == "CRITICAL":
            raise ConfigurationError("not that")
        self.taken.append(wanted.log_level)

    def report(self, applied: Lamp, *, refused_version: int, refusal: str) -> bytes:
        return msgspec.json.encode([applied.version, refused_version, refusal])


class FakeRecords:
    """The records in memory; the cache may be away, and announcements may be lost."""

    def __init__(self) -> None:
        self.stored: bytes | None = None
        self.actual: bytes | None = None
        self.lifetime_seconds = 0.0
        self.is_away = False
        self.news = asyncio.Event()

    def want(self, version: int, log_level: str, *, announced: bool = True) -> None:
        self.stored = encode_settings({"version": version, "log_level": log_level})
        if announced:
            self.news.set()

    def lose_everything(self) -> None:
        self.stored = self.actual = None

    @property
    def report(self) -> list[object]:
        """Version applied, version refused, refusal."""
        assert self.actual is not None
        return msgspec.json.decode(self.actual, type=list[object])

    async def wanted(self) -> bytes | None:
        self._ask()
        return self.stored

    async def replace_wanted(self, before: bytes | None, after: bytes) -> bool:
        self._ask()
        if self.stored != before:
            return False
        self.stored = after
        return True

    async def report_actual(self, value: bytes, *, lifetime_seconds: float) -> None:
        self._ask()
        self.actual, self.lifetime_seconds = value, lifetime_seconds

    async def replace_actual(self, before: bytes | None, value: bytes, *, lifetime_seconds: float) -> bool:
        if self.actual not in (None, before):
            return False
        await self.report_actual(value, lifetime_seconds=lifetime_seconds)
        return True

    async def withdraw_actual(self, value: bytes) -> None:
        self._ask()
        self.actual = None if self.actual == value else self.actual

    @contextlib.asynccontextmanager
    async def announcements(self) -> AsyncIterator["FakeRecords"]:
        self._ask()
        yield self

    async def wait(self, seconds: float) -> bool:
        self._ask()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.news.wait()
        self.news.clear()
        return True

    def _ask(self) -> None:
        if self.is_away:
            raise StoreUnavailable("away")


class Steered:
    """A steered lamp under test."""

    def __init__(self) -> None:
        self.records = FakeRecords()
        self.lamp = SteeredLamp()
        self.steering = Steering(self.records, self.lamp, default=Lamp())

    async def want(self, version: int, log_level: str) -> None:
        """Want it, announced, and let the announcement arrive."""
        self.records.want(version, log_level)
        await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def following() -> AsyncIterator[Steered]:
    steered = Steered()
    task = asyncio.create_task(steered.steering.run())
    try:
        await asyncio.sleep(0.01)
        yield steered
    finally:
        task.cancel()
        await asyncio.wait([task])


def test_what_is_announced_is_applied_at_once_and_reported() -> None:
    async def work() -> None:
        async with following() as steered:
            assert steered.records.report == [0, 0, ""]
            assert steered.records.lifetime_seconds == REPORT_LIFETIME_SECONDS
            await steered.want(1, "DEBUG")
            assert steered.lamp.taken == ["DEBUG"]
            assert steered.records.report == [1, 0, ""]

    run_in_virtual_time(work())


def test_the_status_says_whether_the_service_shall_pause() -> None:
    async def work() -> None:
        async with following() as steered:
            assert not steered.steering.status.is_paused
            await steered.want(1, "ERROR")
            assert steered.steering.status.is_paused

    run_in_virtual_time(work())


def test_a_lost_announcement_is_made_up_for_by_looking() -> None:
    async def work() -> None:
        async with following() as steered:
            steered.records.want(1, "DEBUG", announced=False)
            await asyncio.sleep(SOON_SECONDS)
            assert steered.lamp.taken == ["DEBUG"]
            await asyncio.sleep(10)
            assert steered.lamp.taken == ["DEBUG"], "once"

    run_in_virtual_time(work())


def test_what_is_refused_is_reported_with_the_reason_until_something_else_is_wanted() -> None:
    async def work() -> None:
        async with following() as steered:
            await steered.want(1, "DEBUG")
            await steered.want(2, "CRITICAL")
            assert steered.records.report == [1, 2, "not that"]
            steered.records.stored = b"no record"
            await asyncio.sleep(SOON_SECONDS)
            assert steered.records.report[:2] == [1, 0]
            assert str(steered.records.report[2]).startswith("wanted_state")
            await steered.want(3, "ERROR")
            assert steered.records.report == [3, 0, ""]
            assert steered.lamp.taken == ["DEBUG", "ERROR"]

    run_in_virtual_time(work())


def test_while_the_cache_is_away_nothing_changes_and_then_what_was_missed_is_applied() -> None:
    async def work() -> None:
        async with following() as steered:
            await steered.want(1, "DEBUG")
            steered.records.is_away = True
            steered.records.want(2, "ERROR", announced=False)
            await asyncio.sleep(60)
            assert steered.lamp.taken == ["DEBUG"]
            steered.records.is_away = False
            await asyncio.sleep(RETRY_SECONDS + SOON_SECONDS)
            assert steered.lamp.taken == ["DEBUG", "ERROR"]

    run_in_virtual_time(work())


def test_a_cache_that_lost_its_content_gets_the_newest_accepted_wish_back() -> None:
    async def work() -> None:
        async with following() as steered:
            await steered.want(1, "DEBUG")
            await steered.want(2, "CRITICAL")
            steered.records.lose_everything()
            await asyncio.sleep(SOON_SECONDS)
            assert steered.lamp.read(steered.records.stored or b"") == Lamp(version=1, log_level="DEBUG")
            assert steered.lamp.taken == ["DEBUG"], "it is applied already"

    run_in_virtual_time(work())


def test_what_is_wanted_is_known_before_the_work_begins_if_the_cache_answers() -> None:
    async def work() -> None:
        steered = Steered()
        steered.records.is_away = True
        await steered.steering.begin()
        assert steered.steering.applied == Lamp()
        steered.records.is_away = False
        steered.records.want(1, "DEBUG")
        await steered.steering.begin()
        assert steered.steering.applied == Lamp(version=1, log_level="DEBUG")

    run_in_virtual_time(work())


def test_a_process_that_ends_takes_back_its_own_report_only() -> None:
    async def work() -> None:
        async with following() as steered:
            await asyncio.sleep(0.01)
        await steered.steering.withdraw()
        assert steered.records.actual is None
        steered.records.actual = b"another's"
        await steered.steering.withdraw()
        assert steered.records.actual == b"another's"

    run_in_virtual_time(work())
