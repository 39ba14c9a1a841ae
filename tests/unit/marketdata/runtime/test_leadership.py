"""A role has one leader; its loss is noticed in time; a leader that cannot be reached is replaced."""

import asyncio
from itertools import pairwise

import pytest

from marketdata.errors import ConfigurationError, Unavailable
from marketdata.runtime.leadership import Leadership, UncontestedLease, WhenUnreachable
from tests.support.contention import (
    LEAD_ON,
    LOOK_SECONDS,
    RENEWAL_SECONDS,
    STANDBY_SECONDS,
    TTL_SECONDS,
    ContendedLease,
    Store,
    Tenures,
    contender,
    in_virtual_time,
)
from tests.support.virtual_time import VirtualClock, run_in_virtual_time


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
def test_a_leader_that_cannot_reach_the_store_asks_as_often_as_a_standby_would(
    when_unreachable: WhenUnreachable,
) -> None:
    async def work() -> None:
        lease = ContendedLease(Store(), "a")
        leader = Tenures(contender(lease, when_unreachable))
        await asyncio.sleep(10)
        lease.is_cut_off = True
        cut_off_at, asked_before = VirtualClock().monotonic(), len(lease.questions)
        await asyncio.sleep(TTL_SECONDS)
        asked = lease.questions[asked_before:]
        assert asked[0] - cut_off_at <= RENEWAL_SECONDS + LOOK_SECONDS
        assert max(later - earlier for earlier, later in pairwise(asked)) <= STANDBY_SECONDS
        lease.is_cut_off = False
        await asyncio.sleep(STANDBY_SECONDS + LOOK_SECONDS)
        assert leader.acts
        asked_before = len(lease.questions)
        await asyncio.sleep(10 * RENEWAL_SECONDS)
        assert len(lease.questions) - asked_before == pytest.approx(10, abs=1)
        await leader.stop()

    run_in_virtual_time(work())


@in_virtual_time
async def test_who_leads_on_has_a_rival_until_it_reaches_the_store_again_however_long_that_takes() -> None:
    store = Store()
    first_lease, second_lease = ContendedLease(store, "a"), ContendedLease(store, "b")
    first = Tenures(contender(first_lease, LEAD_ON))
    await asyncio.sleep(0.1)
    second = Tenures(contender(second_lease, LEAD_ON))
    first_lease.is_cut_off = True
    await asyncio.sleep(TTL_SECONDS + STANDBY_SECONDS)
    second_lease.is_cut_off = True
    await asyncio.sleep(100 * TTL_SECONDS)
    assert (first.acts, second.acts) == (True, True)
    first_lease.is_cut_off = second_lease.is_cut_off = False
    await asyncio.sleep(STANDBY_SECONDS + LOOK_SECONDS)
    assert (first.acts, second.acts).count(True) == 1
    await first.stop()
    await second.stop()


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
