"""Two lead at a time no longer than the protocol allows, whatever happens to the store and the ways to it."""

import asyncio
from collections.abc import Sequence

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from marketdata.runtime.leadership import WhenUnreachable
from tests.support.contention import (
    LEAD_ON,
    LOOK_SECONDS,
    RENEWAL_SECONDS,
    STANDBY_SECONDS,
    STEP_DOWN,
    TTL_SECONDS,
    ContendedLease,
    Store,
    Tenures,
    contender,
)
from tests.support.virtual_time import VirtualClock, run_in_virtual_time

EMPTIED = "the store is emptied"


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


async def longest_double_lead(
    schedule: Sequence[Happening], when_unreachable: WhenUnreachable, *, only_in_reach: bool = False
) -> float:
    """Play the schedule; for how long two led at a time at most, in seconds. At the end one leads again.

    `only_in_reach` counts only while the store answers all. A store that is emptied starts the count anew: it
    lets either of two leaders take the lease again, so each loss may add a double lead of its own. The result
    may be `LOOK_SECONDS` too long: a double lead counts from the last look before it.
    """
    store = Store()
    leases = [ContendedLease(store, "a"), ContendedLease(store, "b")]
    contenders = [Tenures(contender(lease, when_unreachable)) for lease in leases]
    longest, since = 0.0, VirtualClock().monotonic()

    async def look_for(seconds: float) -> None:
        nonlocal longest, since
        until = VirtualClock().monotonic() + seconds
        while (now := VirtualClock().monotonic()) < until:
            counts = not only_in_reach or all(lease.answers for lease in leases)
            since = since if counts and all(each.acts for each in contenders) else now
            longest = max(longest, now - since)
            await asyncio.sleep(LOOK_SECONDS)

    for happening in schedule:
        await look_for(happening.pause_seconds)
        change(store, leases, happening)
        if happening.what == EMPTIED:
            since = VirtualClock().monotonic()
    for lease in leases:
        lease.is_cut_off, lease.hangs, lease.delay_seconds = False, False, 0.0
    await look_for(3 * TTL_SECONDS + 1.0)
    assert [each.acts for each in contenders].count(True) == 1
    for each in contenders:
        await each.stop()
    assert store.owner == ""
    return longest


def change(store: Store, leases: Sequence[ContendedLease], happening: Happening) -> None:
    if happening.what == EMPTIED:
        store.owner = ""
        return
    what = happening.what.removesuffix(" for all")
    for lease in [leases[happening.whose]] if what == happening.what else leases:
        if what == "back":
            lease.is_cut_off, lease.hangs, lease.delay_seconds = False, False, 0.0
        elif what == "cut off":
            lease.is_cut_off = True
        elif what == "hangs":
            lease.hangs = True
        elif what == "slow":
            lease.delay_seconds = TTL_SECONDS / 4


EVERYTHING_BUT_LOSS = ("cut off", "hangs", "slow", "cut off for all", "back for all")


@settings(max_examples=30)
@given(schedule=happenings(EVERYTHING_BUT_LOSS))
def test_who_steps_down_never_leads_beside_another_while_the_store_keeps_its_content(
    schedule: list[Happening],
) -> None:
    assert run_in_virtual_time(longest_double_lead(schedule, STEP_DOWN)) == 0.0


@settings(max_examples=30)
@given(schedule=happenings((*EVERYTHING_BUT_LOSS, EMPTIED)))
def test_a_store_that_lost_its_content_makes_two_leaders_for_no_longer_than_a_lease(
    schedule: list[Happening],
) -> None:
    assert run_in_virtual_time(longest_double_lead(schedule, STEP_DOWN)) <= TTL_SECONDS + LOOK_SECONDS


# The standby takes over while the store is back for half a second. The leader has no chance to ask.
SHORT_RETURN = [
    Happening(pause_seconds=1.5, whose=0, what="cut off for all"),
    Happening(pause_seconds=2.5, whose=0, what="back for all"),
    Happening(pause_seconds=0.5, whose=0, what="cut off for all"),
    Happening(pause_seconds=3.6, whose=0, what="back for all"),
]


@settings(max_examples=30)
@given(schedule=happenings(("cut off for all", "back for all")))
@example(schedule=SHORT_RETURN)
def test_who_leads_on_has_a_rival_for_no_longer_than_the_pause_of_a_standby_once_the_store_is_back(
    schedule: list[Happening],
) -> None:
    """The last request failed, so the next follows within the pause of a standby."""
    rival_seconds = run_in_virtual_time(longest_double_lead(schedule, LEAD_ON, only_in_reach=True))
    assert rival_seconds <= STANDBY_SECONDS + LOOK_SECONDS


# Each loss comes before the leader notices the rival of the one before.
LOSS_UPON_LOSS = [Happening(pause_seconds=pause, whose=0, what=EMPTIED) for pause in (1.0, 0.5, 0.5)]


@settings(max_examples=30)
@given(schedule=happenings(("cut off for all", "back for all", EMPTIED)))
@example(schedule=LOSS_UPON_LOSS)
def test_who_leads_on_has_a_rival_for_no_longer_than_a_renewal_while_the_store_answers_all(
    schedule: list[Happening],
) -> None:
    """The standby can take over just after a renewal if the store is emptied, so a full interval passes."""
    rival_seconds = run_in_virtual_time(longest_double_lead(schedule, LEAD_ON, only_in_reach=True))
    assert rival_seconds <= RENEWAL_SECONDS + LOOK_SECONDS


@settings(max_examples=30)
@given(schedule=happenings(("hangs for all", "cut off for all", "back for all", EMPTIED)))
def test_who_leads_on_first_waits_a_lease_for_an_answer_that_an_outage_swallowed(
    schedule: list[Happening],
) -> None:
    rival_seconds = run_in_virtual_time(longest_double_lead(schedule, LEAD_ON, only_in_reach=True))
    assert rival_seconds <= TTL_SECONDS + STANDBY_SECONDS + LOOK_SECONDS
