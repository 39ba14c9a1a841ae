"""A role has one leader; its loss is noticed in time; two lead no longer than the lease allows."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata.errors import ConfigurationError, StoreUnavailable, Unavailable
from marketdata.runtime.backoff import Backoff
from marketdata.runtime.leadership import Leadership, UncontestedLease, WhenUnreachable
from tests.support.virtual_time import VirtualClock, run_in_virtual_time

TTL_SECONDS = 3.0
LOOK_SECONDS = 0.05
LEAD_ON, STEP_DOWN = WhenUnreachable.LEAD_ON, WhenUnreachable.STEP_DOWN


class Store:
    """The one entry that all contend for, in virtual time."""

    def __init__(self) -> None:
        self.owner = ""
        self.expires_at = 0.0

    def take(self, owner: str, ttl_seconds: float) -> bool:
        now = VirtualClock().monotonic()
        if self.owner not in {"", owner} and now < self.expires_at:
            return False
        self.owner, self.expires_at = owner, now + ttl_seconds
        return True

    def give_up(self, owner: str) -> None:
        if self.owner == owner:
            self.owner = ""


class ContendedLease:
    """One contender's way to the store: it may be cut off, or slow in both directions."""

    ttl_ms = round(TTL_SECONDS * 1_000)

    def __init__(self, store: Store, owner: str) -> None:
        self.store = store
        self.owner = owner
        self.is_cut_off = False
        self.hangs = False
        self.delay_seconds = 0.0
        self.refusal: Exception | None = None
        self.questions: list[float] = []

    async def acquire(self) -> bool:
        return await self.renew()

    async def renew(self) -> bool:
        self.questions.append(VirtualClock().monotonic())
        await self._travel()
        answer = self.store.take(self.owner, TTL_SECONDS)
        await self._travel()
        return answer

    async def release(self) -> None:
        await self._travel()
        self.store.give_up(self.owner)

    async def _travel(self) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        await asyncio.sleep(self.delay_seconds)
        if self.refusal is not None:
            raise self.refusal
        if self.is_cut_off:
            raise StoreUnavailable("cut off")


def contender(
    lease: ContendedLease,
    when_unreachable: WhenUnreachable = STEP_DOWN,
    eligible: Callable[[], bool] = lambda: True,
) -> Leadership:
    return Leadership(
        lease,
        role="scanner",
        when_unreachable=when_unreachable,
        clock=VirtualClock(),
        standby_seconds=0.5,
        backoff=Backoff(initial_seconds=0.1, maximum_seconds=0.5),
        eligible=eligible,
    )


def in_virtual_time(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    """Run the test on a loop of its own, whose time passes at once."""

    def run() -> None:
        async def work() -> None:
            await test()

        run_in_virtual_time(work())

    run.__name__, run.__doc__ = getattr(test, "__name__", "test"), test.__doc__
    return run


class Tenures:
    """A contender that leads whenever it can, and what happened to it."""

    def __init__(self, leadership: Leadership) -> None:
        self.leadership = leadership
        self.stopping = asyncio.Event()
        self.active = False
        self.count = 0
        self.ended_at = 0.0
        self.task = asyncio.create_task(leadership.run(self.stopping, self._lead))

    async def _lead(self, over: asyncio.Event) -> None:
        self.active, self.count = True, self.count + 1
        await over.wait()
        self.active, self.ended_at = False, VirtualClock().monotonic()

    @property
    def acts(self) -> bool:
        """Whether it does what only the leader may do."""
        return self.active and self.leadership.leads

    async def stop(self) -> None:
        self.stopping.set()
        await self.task


@in_virtual_time
async def test_a_free_role_is_acquired_at_once() -> None:
    leadership = contender(ContendedLease(Store(), "a"))
    assert leadership.why_not_leading == "not acquired yet"
    assert await leadership.acquire(asyncio.Event())
    assert leadership.leads
    assert leadership.why_not_leading == leadership.unreachable == ""


@in_virtual_time
async def test_of_two_contenders_one_leads_and_the_other_says_why_not() -> None:
    store = Store()
    first, second = contender(ContendedLease(store, "a")), contender(ContendedLease(store, "b"))
    await first.acquire(asyncio.Event())
    stopping = asyncio.Event()
    waiting = asyncio.create_task(second.acquire(stopping))
    await asyncio.sleep(1)
    assert second.why_not_leading == "another scanner holds it"
    assert second.unreachable == ""
    stopping.set()
    assert not await waiting


@in_virtual_time
async def test_a_kept_role_outlives_its_lease_many_times() -> None:
    store = Store()
    leader, standby = Tenures(contender(ContendedLease(store, "a"))), None
    await asyncio.sleep(0.1)
    standby = Tenures(contender(ContendedLease(store, "b")))
    await asyncio.sleep(100 * TTL_SECONDS)
    assert (leader.count, leader.active) == (1, True)
    assert standby.count == 0
    await leader.stop()
    await standby.stop()


@in_virtual_time
async def test_a_leader_that_stops_frees_the_role_for_the_next_question_of_a_standby() -> None:
    store = Store()
    leader = Tenures(contender(ContendedLease(store, "a")))
    await asyncio.sleep(0.1)
    standby = Tenures(contender(ContendedLease(store, "b")))
    await asyncio.sleep(1)
    await leader.stop()
    assert store.owner == ""
    await asyncio.sleep(0.51)
    assert standby.acts
    await standby.stop()


@pytest.mark.parametrize("when_unreachable", list(WhenUnreachable))
def test_a_leader_that_dies_is_replaced_within_its_lease_and_one_question(
    when_unreachable: WhenUnreachable,
) -> None:
    async def work() -> None:
        store = Store()
        lease = ContendedLease(store, "a")
        leader = Tenures(contender(lease, when_unreachable))
        await asyncio.sleep(0.1)
        standby = Tenures(contender(ContendedLease(store, "b"), when_unreachable))
        await asyncio.sleep(10)
        lease.hangs = True  # it died: nothing more arrives
        await asyncio.sleep(TTL_SECONDS + 0.5 + LOOK_SECONDS)
        assert standby.acts
        await standby.stop()
        lease.hangs = False
        await leader.stop()

    run_in_virtual_time(work())


@in_virtual_time
async def test_a_role_that_another_took_is_lost_at_the_next_renewal() -> None:
    store = Store()
    leader = Tenures(contender(ContendedLease(store, "a"), LEAD_ON))
    await asyncio.sleep(10)
    store.owner, store.expires_at = "b", VirtualClock().monotonic() + TTL_SECONDS
    taken_at = VirtualClock().monotonic()
    await asyncio.sleep(2)
    assert not leader.active
    assert leader.ended_at - taken_at <= TTL_SECONDS / 3 + LOOK_SECONDS
    assert leader.leadership.why_not_leading == "another scanner holds it"
    await leader.stop()


@in_virtual_time
async def test_who_steps_down_leads_until_its_lease_may_have_run_out_and_no_longer() -> None:
    lease = ContendedLease(Store(), "a")
    leader = Tenures(contender(lease))
    await asyncio.sleep(10)
    last_renewal = lease.questions[-1]
    lease.is_cut_off = True
    await asyncio.sleep(1.5)
    assert leader.acts
    assert leader.leadership.unreachable == "cut off"
    await asyncio.sleep(10)
    assert leader.ended_at == pytest.approx(last_renewal + TTL_SECONDS, abs=LOOK_SECONDS)
    lease.is_cut_off = False
    await asyncio.sleep(0.51)
    assert leader.acts
    assert leader.count == 2
    await leader.stop()


@in_virtual_time
async def test_a_store_that_answers_nothing_holds_no_leader_beyond_its_lease() -> None:
    lease = ContendedLease(Store(), "a")
    leader = Tenures(contender(lease))
    await asyncio.sleep(10)
    last_answer = lease.questions[-1]
    lease.hangs = True
    await asyncio.sleep(10)
    assert leader.ended_at == pytest.approx(last_answer + TTL_SECONDS, abs=LOOK_SECONDS)
    assert "no answer within" in leader.leadership.unreachable
    lease.hangs = False
    await asyncio.sleep(TTL_SECONDS + 0.51)
    assert leader.acts
    await leader.stop()


@in_virtual_time
async def test_who_leads_on_goes_on_while_nobody_can_be_asked() -> None:
    lease = ContendedLease(Store(), "a")
    leader = Tenures(contender(lease, LEAD_ON))
    await asyncio.sleep(10)
    lease.is_cut_off = True
    await asyncio.sleep(1_000)
    assert (leader.acts, leader.count) == (True, 1)
    assert leader.leadership.why_not_leading == ""
    assert leader.leadership.unreachable == "cut off"
    await leader.stop()


@pytest.mark.parametrize("when_unreachable", list(WhenUnreachable))
def test_an_error_that_does_not_pass_ends_the_role(when_unreachable: WhenUnreachable) -> None:
    async def work() -> None:
        lease = ContendedLease(Store(), "a")
        leader = contender(lease, when_unreachable)
        await leader.acquire(asyncio.Event())
        async with leader.renewing(asyncio.Event()) as over:
            lease.refusal = ConfigurationError("wrong password")
            await over.wait()
        assert leader.why_not_leading == "wrong password"

    run_in_virtual_time(work())


@in_virtual_time
async def test_a_standby_waits_for_a_store_that_is_away_unless_it_is_told_not_to() -> None:
    lease = ContendedLease(Store(), "a")
    lease.is_cut_off = True
    leadership = contender(lease)
    with pytest.raises(Unavailable, match="cut off"):
        await leadership.acquire(asyncio.Event(), wait_for_store=False)
    waiting = asyncio.create_task(leadership.acquire(asyncio.Event()))
    await asyncio.sleep(5)
    assert leadership.why_not_leading == "cut off"
    lease.is_cut_off = False
    assert await waiting


@in_virtual_time
async def test_who_is_not_eligible_neither_asks_nor_keeps() -> None:
    store, able = Store(), False
    lease = ContendedLease(store, "a")
    leader = Tenures(contender(lease, eligible=lambda: able))
    await asyncio.sleep(5)
    assert lease.questions == []
    able = True
    await asyncio.sleep(0.51)
    assert leader.acts
    able = False
    await asyncio.sleep(TTL_SECONDS / 3 + LOOK_SECONDS)
    assert not leader.active
    assert store.owner == ""
    await leader.stop()


@in_virtual_time
async def test_work_at_once_gets_the_role_only_if_it_is_free_and_gives_it_up() -> None:
    store = Store()
    first, second = contender(ContendedLease(store, "a")), contender(ContendedLease(store, "b"))
    async with first.if_free() as ours, second.if_free() as theirs:
        assert (ours, theirs) == (True, False)
        await asyncio.sleep(10 * TTL_SECONDS)
        assert first.leads
    assert store.owner == ""
    async with second.if_free() as theirs:
        assert theirs


@in_virtual_time
async def test_work_at_once_goes_on_when_the_role_is_lost() -> None:
    store = Store()
    leadership = contender(ContendedLease(store, "a"))
    async with leadership.if_free() as ours:
        assert ours
        store.owner, store.expires_at = "b", VirtualClock().monotonic() + 100
        await asyncio.sleep(10)
        assert not leadership.leads
    assert store.owner == "b"


@in_virtual_time
async def test_what_the_leader_raises_is_raised_and_the_role_given_up() -> None:
    async def fail(_over: asyncio.Event) -> None:
        raise ZeroDivisionError

    store = Store()
    with pytest.raises(ZeroDivisionError):
        await contender(ContendedLease(store, "a")).run(asyncio.Event(), fail)
    assert store.owner == ""


@in_virtual_time
async def test_a_store_that_answers_nothing_does_not_hold_up_a_leader_that_stops() -> None:
    lease = ContendedLease(Store(), "a")
    leader = Tenures(contender(lease))
    await asyncio.sleep(10)
    lease.hangs = True
    stopped_at = VirtualClock().monotonic()
    await leader.stop()
    assert VirtualClock().monotonic() - stopped_at <= TTL_SECONDS


@in_virtual_time
async def test_a_role_without_rivals_is_always_ours() -> None:
    leadership = Leadership(UncontestedLease(), role="listener", when_unreachable=LEAD_ON)
    assert await leadership.acquire(asyncio.Event())
    async with leadership.renewing(asyncio.Event()) as over:
        await asyncio.sleep(10_000)
        assert leadership.leads
        assert not over.is_set()


class Happening(msgspec.Struct, frozen=True):
    """After a pause, one contender's way to the store changes, or the store loses its content."""

    pause_seconds: float
    whose: int
    what: str


def happenings(what: Sequence[str]) -> st.SearchStrategy[list[Happening]]:
    return st.lists(
        st.builds(
            Happening,
            pause_seconds=st.floats(min_value=0.0, max_value=2 * TTL_SECONDS),
            whose=st.integers(min_value=0, max_value=1),
            what=st.sampled_from(what),
        ),
        max_size=12,
    )


async def longest_double_lead(schedule: Sequence[Happening], when_unreachable: WhenUnreachable) -> float:
    """Play the schedule; for how long two led at a time at most, in seconds. At the end one leads again."""
    store = Store()
    leases = [ContendedLease(store, "a"), ContendedLease(store, "b")]
    contenders = [Tenures(contender(lease, when_unreachable)) for lease in leases]
    longest, since = 0.0, VirtualClock().monotonic()

    async def look_for(seconds: float) -> None:
        nonlocal longest, since
        until = VirtualClock().monotonic() + seconds
        while (now := VirtualClock().monotonic()) < until:
            since = since if all(each.acts for each in contenders) else now
            longest = max(longest, now - since)
            await asyncio.sleep(LOOK_SECONDS)

    for happening in schedule:
        await look_for(happening.pause_seconds)
        change(store, leases, happening)
    for lease in leases:
        lease.is_cut_off, lease.hangs, lease.delay_seconds = False, False, 0.0
    await look_for(3 * TTL_SECONDS + 1.0)
    assert [each.acts for each in contenders].count(True) == 1
    for each in contenders:
        await each.stop()
    assert store.owner == ""
    return longest


def change(store: Store, leases: Sequence[ContendedLease], happening: Happening) -> None:
    lease = leases[happening.whose]
    if happening.what == "the store is emptied":
        store.owner = ""
    elif happening.what == "away for all":
        for each in leases:
            each.is_cut_off = True
    elif happening.what == "back for all":
        for each in leases:
            each.is_cut_off = each.hangs = False
            each.delay_seconds = 0.0
    elif happening.what == "cut off":
        lease.is_cut_off = True
    elif happening.what == "hangs":
        lease.hangs = True
    elif happening.what == "slow":
        lease.delay_seconds = TTL_SECONDS / 4


EVERYTHING_BUT_LOSS = ("cut off", "hangs", "slow", "away for all", "back for all")


@settings(max_examples=30)
@given(schedule=happenings(EVERYTHING_BUT_LOSS))
def test_who_steps_down_never_leads_beside_another_while_the_store_keeps_its_content(
    schedule: list[Happening],
) -> None:
    assert run_in_virtual_time(longest_double_lead(schedule, STEP_DOWN)) == 0.0


@settings(max_examples=30)
@given(schedule=happenings((*EVERYTHING_BUT_LOSS, "the store is emptied")))
def test_a_store_that_lost_its_content_makes_two_leaders_for_no_longer_than_a_lease(
    schedule: list[Happening],
) -> None:
    assert run_in_virtual_time(longest_double_lead(schedule, STEP_DOWN)) <= TTL_SECONDS


@settings(max_examples=30)
@given(schedule=happenings(("away for all", "back for all")) | happenings(("the store is emptied",)))
def test_who_leads_on_has_a_rival_for_no_longer_than_a_lease_where_all_see_the_same_store(
    schedule: list[Happening],
) -> None:
    assert run_in_virtual_time(longest_double_lead(schedule, LEAD_ON)) <= TTL_SECONDS
