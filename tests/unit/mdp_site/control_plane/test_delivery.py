"""Whatever happens to database and cache, the cache has the newest revision once both are up."""

import asyncio
import contextlib
import datetime as dt
import itertools
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone
from hypothesis import HealthCheck
from hypothesis import given as examples
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from marketdata.control import Effect, Report, RevisionOutcome, encode_given, read_given
from marketdata.errors import ContentError, StoreUnavailable
from mdp_site.accounts.database_thread import DatabaseThread
from mdp_site.control_plane import changes, delivery, history
from mdp_site.control_plane.action_delivery import ActionDelivery
from mdp_site.control_plane.delivery import RevisionDelivery
from mdp_site.control_plane.due import Due
from mdp_site.control_plane.models import ActionRun, AuditEntry, Revision
from mdp_site.control_plane.services import STEERED
from tests.support.deadlines import eventually
from tests.support.operators import ANN

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]

KIND = STEERED["web"].kind


class MemoryRecords:
    """A cache that can be away. `interrupt` runs once between a read and what follows it."""

    def __init__(self) -> None:
        self.stored: dict[str, bytes] = {}
        self.away = False
        self.reads = 0
        self.interrupt: Callable[[], object] = lambda: None

    async def read(self) -> Mapping[str, bytes | None]:
        self.reads += 1
        self._check()
        found = {service: self.stored.get(service) for service in STEERED}
        interrupt, self.interrupt = self.interrupt, lambda: None
        await asyncio.to_thread(interrupt)
        return found

    async def replace(self, service: str, before: bytes | None, after: bytes) -> bool:
        self._check()
        if self.stored.get(service) != before:
            return False
        self.stored[service] = after
        return True

    def _check(self) -> None:
        if self.away:
            raise StoreUnavailable("the cache is away")


class Followers:
    """Processes whose answer is fixed."""

    def __init__(self, answer: Effect | ContentError) -> None:
        self.answer = answer
        self.asked: list[int] = []

    async def reports(self) -> list[Report]:
        return []

    async def effect(self, version: int) -> Effect:
        self.asked.append(version)
        if isinstance(self.answer, ContentError):
            raise self.answer
        return self.answer


PENDING = Effect(RevisionOutcome.PENDING, "no process reports")
APPLIED = Effect(RevisionOutcome.APPLIED, "applied by 1 of 1 processes", ("web:1",))


class Rig:
    """A delivery on the test's database and a cache in memory."""

    def __init__(self) -> None:
        self.records = MemoryRecords()
        self.followers = Followers(PENDING)
        self.database = DatabaseThread("test")
        self.actions = ActionDelivery({}, self.database)
        followers = dict.fromkeys(STEERED, self.followers)
        self.delivery = RevisionDelivery(self.records, followers, self.actions, self.database)

    def once(self, times: int = 1) -> None:
        """Let the delivery compare database and cache."""

        async def compare() -> None:
            for _ in range(times):
                await self.delivery.once()

        self.drive(compare())

    def drive(self, work: Coroutine[Any, Any, None]) -> None:
        async def drive() -> None:
            try:
                await work
            finally:
                await self.database.close()

        self.database = DatabaseThread("test")
        self.delivery._database = self.actions._database = self.database
        asyncio.run(drive())

    @property
    def cached(self) -> tuple[int, Mapping[str, Any]]:
        """The version and the settings in the cache; 0 and none if it has no record."""
        record = self.records.stored.get("web")
        return (0, {}) if record is None else read_given(KIND, record)


@pytest.fixture
def rig() -> Iterator[Rig]:
    yield Rig()
    connection.close()


def change(level: str) -> Revision:
    return changes.change("web", {"log_level": level}, actor=ANN)


def newest() -> tuple[int, Mapping[str, Any]]:
    revision = history.newest("web")
    return (0, {}) if revision is None else (revision.number, revision.given)


def test_a_new_revision_is_sent_and_one_that_was_lost_is_sent_again(rig: Rig) -> None:
    change("ERROR")
    rig.once()
    assert rig.cached == (1, {"log_level": "ERROR"})
    rig.records.stored.clear()
    rig.once()
    assert rig.cached == (1, {"log_level": "ERROR"})


def test_while_the_cache_is_away_revisions_are_saved_and_the_newest_is_sent_afterwards(rig: Rig) -> None:
    rig.records.away = True
    change("ERROR")
    with pytest.raises(StoreUnavailable):
        rig.once()
    change("DEBUG")
    rig.records.away = False
    rig.once()
    assert rig.cached == (2, {"log_level": "DEBUG"})


def test_newer_settings_of_the_cache_become_a_revision(rig: Rig) -> None:
    change("ERROR")
    rig.records.stored["web"] = encode_given({"log_level": "DEBUG"}, 9)
    rig.once()
    assert newest() == (9, {"log_level": "DEBUG"})
    assert change("INFO").number == 10


def test_rubbish_in_the_cache_is_replaced_and_stays_only_while_there_is_no_revision(rig: Rig) -> None:
    rig.records.stored["web"] = b"rubbish"
    rig.once()
    assert rig.records.stored["web"] == b"rubbish"
    assert not Revision.objects.exists()
    change("ERROR")
    rig.once()
    assert rig.cached == (1, {"log_level": "ERROR"})


def test_a_revision_that_is_saved_and_sent_between_two_looks_is_not_a_strangers(rig: Rig) -> None:
    change("ERROR")
    rig.once()

    def another_operator() -> None:
        change("DEBUG")
        rig.records.stored["web"] = encode_given({"log_level": "DEBUG"}, 2)
        connection.close()

    rig.records.interrupt = another_operator
    rig.once(2)
    assert rig.cached == newest() == (2, {"log_level": "DEBUG"})
    assert not AuditEntry.objects.filter(action="adopted").exists()


def test_what_became_of_the_newest_revision_is_asked_until_it_is_decided(rig: Rig) -> None:
    change("ERROR")
    rig.once(2)
    assert Revision.objects.get().outcome_text == "no process reports"
    rig.followers.answer = APPLIED
    rig.once(3)
    assert rig.followers.asked == [1, 1, 1]
    assert (Revision.objects.get().outcome, Revision.objects.get().applied_by) == ("applied", ["web:1"])


def test_a_report_that_cannot_be_read_stops_nothing(rig: Rig) -> None:
    rig.followers.answer = ContentError("actual_state", "rubbish")
    change("ERROR")
    rig.once(2)
    assert rig.cached[0] == 1
    assert Revision.objects.get().outcome == "pending"


def test_the_delivery_goes_on_while_cache_or_database_are_away(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(delivery, "INTERVAL_SECONDS", 0.001)
    change("ERROR")
    rig.records.away = True

    def failing(_services: object) -> None:
        raise DatabaseError("no database")

    async def outages() -> None:
        running = asyncio.create_task(rig.delivery.run(Due()))
        await eventually(lambda: rig.records.reads >= 3, 20)
        with monkeypatch.context() as broken:
            broken.setattr(delivery, "newest_of_each", failing)
            rig.records.away = False
            reads = rig.records.reads
            await eventually(lambda: rig.records.reads >= reads + 3, 20)
            assert rig.records.stored == {}
        await eventually(lambda: rig.records.stored, 20)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    rig.drive(outages())
    assert rig.cached == (1, {"log_level": "ERROR"})
    for event in ("revisions not sent", "revisions not read"):
        assert caplog.text.count(event) == 1, "the line is bounded"


class Waits(Due):
    """Notes how long the delivery would wait, and ends it after so many looks."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self._looks = looks
        self.seconds: list[float] = []

    async def wait(self, seconds: float) -> None:
        self.seconds.append(seconds)
        if len(self.seconds) == self._looks:
            raise asyncio.CancelledError


def seconds_between_looks(rig: Rig) -> list[float]:
    """How long the delivery waits after each of two looks."""
    waits = Waits(2)

    async def look() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await rig.delivery.run(waits)

    rig.drive(look())
    return waits.seconds


def test_only_while_an_operator_waits_for_an_outcome_does_it_look_often(rig: Rig) -> None:
    assert seconds_between_looks(rig) == [2.0, 2.0]
    change("ERROR")
    assert seconds_between_looks(rig) == [0.5, 0.5]
    Revision.objects.update(at=timezone.now() - dt.timedelta(seconds=delivery.WAITED_FOR_SECONDS + 1))
    assert seconds_between_looks(rig) == [2.0, 2.0], "no process reports, perhaps for hours"
    ActionRun.objects.create(action="ring", service="web", who="ann", expected=["web:1"])
    rig.actions._records = {"web": Unanswered()}
    assert seconds_between_looks(rig) == [0.5, 0.5]
    rig.records.away = True
    assert seconds_between_looks(rig) == [2.0, 2.0]


class Unanswered:
    """Instructions to a service whose processes do not answer."""

    async def give(self, value: bytes) -> None:
        """Take it."""

    async def answers(self, _instruction: str) -> list[bytes]:
        return []


LEVELS = st.sampled_from(["DEBUG", "INFO", "ERROR"])
STEPS = st.one_of(
    st.tuples(st.just("change"), LEVELS),
    st.tuples(st.just("restore"), st.integers(0, 6)),
    st.tuples(st.just("lose"), st.none()),
    st.tuples(st.just("away"), st.booleans()),
    st.tuples(st.just("deliver"), st.none()),
    st.tuples(st.just("write"), st.tuples(LEVELS, st.integers(0, 9))),
    st.tuples(st.just("rubbish"), st.binary(max_size=8)),
)


@hypothesis_settings(max_examples=40, suppress_health_check=list(HealthCheck))
@examples(st.lists(STEPS, max_size=12))
def test_after_any_changes_restores_and_outages_the_cache_has_the_newest_revision(
    steps: list[tuple[str, Any]],
) -> None:
    Revision.objects.all().delete()
    rig = Rig()
    for step, value in steps:
        _take(rig, step, value)
    rig.records.away = False
    rig.once(2)
    number, _ = newest()
    if number:
        assert rig.cached == newest()
    else:
        assert not Revision.objects.exists()
    numbers = [each.number for each in history.since("web", 0)]
    assert all(earlier < later for earlier, later in itertools.pairwise(numbers))


def _take(rig: Rig, step: str, value: Any) -> None:
    match step:
        case "change":
            change(value)
        case "restore":
            numbers = [0, *(each.number for each in history.since("web", 0))]
            changes.restore("web", numbers[value % len(numbers)], actor=ANN)
        case "lose":
            rig.records.stored.clear()
        case "away":
            rig.records.away = value
        case "write":
            level, version = value
            rig.records.stored["web"] = encode_given({"log_level": level}, version)
        case "rubbish":
            rig.records.stored["web"] = value
        case "deliver" if not rig.records.away:
            rig.once()
