"""The delivery gives each instruction once, and every run gets an outcome, whatever is away."""

import asyncio
import datetime as dt
from collections.abc import Iterator, Mapping

import msgspec
import pytest
from django.db import connection
from django.utils import timezone

from marketdata.control.instructed import ANSWER_SECONDS
from marketdata.errors import StoreUnavailable
from marketdata.runtime.instructions import LIFETIME_SECONDS, ActionAnswer, Instruction, read_instruction
from mdp_site.accounts.database_thread import DatabaseThread
from mdp_site.control_plane.action_delivery import ActionDelivery
from mdp_site.control_plane.models import ActionRun, AuditEntry

pytestmark = pytest.mark.django_db(transaction=True)


class MemoryService:
    """The instructions to one service. The cache may be away, or go away while something is given."""

    def __init__(self) -> None:
        self.given: list[Instruction] = []
        self.stored: dict[str, list[bytes]] = {}
        self.is_away = False
        self.breaks_at_give = False

    async def give(self, value: bytes) -> None:
        if self.is_away or self.breaks_at_give:
            raise StoreUnavailable("the cache is away")
        self.given.append(read_instruction(value))

    async def answers(self, instruction: str) -> list[bytes]:
        if self.is_away:
            raise StoreUnavailable("the cache is away")
        return self.stored.get(instruction, [])

    def answer(self, run: ActionRun, source: str, text: str = "done", *, refused: bool = False) -> None:
        answer = ActionAnswer(source=source, text=text, is_refused=refused)
        self.stored.setdefault(str(run.pk), []).append(msgspec.json.encode(answer))


@pytest.fixture
def service() -> Iterator[MemoryService]:
    yield MemoryService()
    connection.close()


def ring(*expected: str, **fields: object) -> ActionRun:
    """A run that processes of the service are to carry out."""
    usual: Mapping[str, object] = {
        "action": "ring",
        "service": "web",
        "arguments": {"loud": 3},
        "expected": list(expected or ("web:1",)),
        "who": "ann",
    }
    return ActionRun.objects.create(**{**usual, **fields})


def ago(seconds: float) -> dt.datetime:
    return timezone.now() - dt.timedelta(seconds=seconds)


def deliver(service: MemoryService, *, deliveries: int = 1, times: int = 1) -> bool:
    """Let so many deliveries look side by side. Returns whether one of them says that somebody waits."""

    async def look(database: DatabaseThread) -> bool:
        delivery, waits = ActionDelivery({"web": service}, database), False
        try:
            for _ in range(times):
                waits |= await delivery.once()
        finally:
            await database.close()
        return waits

    async def look_side_by_side() -> bool:
        return any(await asyncio.gather(*(look(DatabaseThread("test")) for _ in range(deliveries))))

    return asyncio.run(look_side_by_side())


def state(run: ActionRun) -> tuple[str, str]:
    run.refresh_from_db()
    return run.outcome, run.outcome_text


def test_an_instruction_is_given_once_by_several_deliveries(service: MemoryService) -> None:
    run = ring()
    assert deliver(service, deliveries=3, times=2)
    assert service.given == [Instruction(id=str(run.pk), action="ring", arguments={"loud": 3})]
    assert state(run) == ("pending", "no answer yet from web:1")


def test_the_answers_decide_it_and_the_audit_says_so_once(service: MemoryService) -> None:
    run = ring("web:1", "web:2")
    deliver(service)
    service.answer(run, "web:1", "rang")
    deliver(service)
    assert state(run) == ("pending", "no answer yet from web:2; web:1: rang")
    service.answer(run, "web:2", "rang too")
    deliver(service, deliveries=2, times=2)
    assert state(run) == ("applied", "web:1: rang; web:2: rang too")
    assert run.done_by == ["web:1", "web:2"]
    (entry,) = AuditEntry.objects.all()
    assert (entry.who, entry.action, entry.result) == (
        "processes",
        "ring",
        "applied: web:1: rang; web:2: rang too",
    )
    assert not deliver(service), "nobody waits any more"


def test_two_runs_of_one_action_have_their_own_instructions_and_outcomes(service: MemoryService) -> None:
    first, second = ring(who="ann"), ring(who="bob")
    deliver(service)
    assert {each.id for each in service.given} == {str(first.pk), str(second.pk)}
    service.answer(first, "web:1", "rang")
    service.answer(second, "web:1", "broken", refused=True)
    deliver(service)
    assert state(first) == ("applied", "web:1: rang")
    assert state(second) == ("refused", "refused by web:1: broken")


def test_while_the_cache_is_away_it_waits_and_then_it_is_given(service: MemoryService) -> None:
    run = ring()
    service.is_away = True
    with pytest.raises(StoreUnavailable):
        deliver(service)
    assert state(run) == ("pending", "")
    assert run.sent_at is None
    service.is_away = False
    deliver(service)
    assert len(service.given) == 1


def test_one_that_was_not_given_within_its_lifetime_is_refused_and_never_given(
    service: MemoryService,
) -> None:
    run = ring(at=ago(LIFETIME_SECONDS + 1))
    service.is_away = True
    deliver(service)
    outcome, text = state(run)
    assert outcome == "refused"
    assert "not given to the processes within 10 s" in text
    service.is_away = False
    deliver(service)
    assert service.given == []


def test_one_whose_giving_broke_is_not_given_again_and_is_refused_in_time(service: MemoryService) -> None:
    run = ring()
    service.breaks_at_give = True
    with pytest.raises(StoreUnavailable):
        deliver(service)
    service.breaks_at_give = False
    deliver(service, times=2)
    assert service.given == []
    ActionRun.objects.update(at=ago(ANSWER_SECONDS + 1))
    deliver(service)
    assert state(run) == ("refused", "no answer from web:1")


def test_one_whose_answers_cannot_be_read_in_time_is_refused_as_unknown(service: MemoryService) -> None:
    run = ring(sent_at=timezone.now(), at=ago(ANSWER_SECONDS + 1))
    service.is_away = True
    with pytest.raises(StoreUnavailable):
        deliver(service)
    assert state(run)[0] == "refused"
    assert "what the processes answered is unknown" in state(run)[1]


def test_an_answer_that_cannot_be_read_or_stored_stops_nothing(service: MemoryService) -> None:
    run = ring()
    deliver(service)
    service.stored[str(run.pk)] = [b"\xff{"]
    service.answer(run, "web:1", "rang\x00 \x1b[2Jtwice")
    deliver(service)
    assert state(run) == ("applied", "web:1: rang   [2Jtwice")


def test_a_run_of_a_service_that_this_release_does_not_know_is_refused_and_others_go_on(
    service: MemoryService,
) -> None:
    stranger, known = ring(service="moon"), ring()
    deliver(service)
    assert state(stranger)[0] == "refused"
    assert [each.id for each in service.given] == [str(known.pk)]


def test_runs_that_follow_a_revision_are_left_to_it(service: MemoryService) -> None:
    run = ring(revision=3, at=ago(100))
    assert not deliver(service)
    assert state(run) == ("pending", "")
