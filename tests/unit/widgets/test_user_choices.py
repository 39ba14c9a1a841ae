"""How many choices of columns and rate a user has, over all connections."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.deadlines import eventually
from tests.support.feeds import CATALOG
from tests.unit.widgets.fakes import MemorySink
from tests.unit.widgets.hub.hub_rig import QUOTE
from tests.unit.widgets.test_consumer import Door, say
from widgets.consumers.choices import MOST_CHOICES_PER_USER, UserChoices
from widgets.hub.feeds import Feed

ADA, BOB = 1, 2
BOARDS = list(CATALOG.permitted({"boards"}))
CHOSEN = [CATALOG.chosen("quote:AAPL", [name]) for name in QUOTE.columns[: MOST_CHOICES_PER_USER + 1]]


def test_one_user_cannot_take_the_choices_of_others() -> None:
    choices = UserChoices()
    for feed in CHOSEN[:-1]:
        assert choices.may_add(ADA, None, feed)
        choices.replace(ADA, None, feed)
    assert not choices.may_add(ADA, None, CHOSEN[-1])
    assert choices.may_add(BOB, None, CHOSEN[-1])


def test_a_user_who_has_all_may_share_replace_and_give_back() -> None:
    choices = UserChoices()
    for feed in CHOSEN[:-1]:
        choices.replace(ADA, None, feed)
    assert choices.may_add(ADA, None, CHOSEN[0])
    assert choices.may_add(ADA, None, QUOTE)
    assert choices.may_add(ADA, CHOSEN[0], CHOSEN[-1])
    choices.replace(ADA, None, CHOSEN[0])  # by another connection
    assert not choices.may_add(ADA, CHOSEN[0], CHOSEN[-1])
    choices.replace(ADA, CHOSEN[1], None)
    assert choices.may_add(ADA, None, CHOSEN[-1])


@given(st.lists(st.tuples(st.integers(0, 3), st.none() | st.sampled_from([*CHOSEN, QUOTE]))))
def test_the_bound_holds_and_nothing_stays_behind(changes: list[tuple[int, Feed | None]]) -> None:
    choices, held = UserChoices(), dict[int, Feed | None]()
    for connection, after in changes:
        before = held.get(connection)
        if after is None or choices.may_add(ADA, before, after):
            choices.replace(ADA, before, after)
            held[connection] = after
    for feed in held.values():
        choices.replace(ADA, feed, None)
    assert choices.count(ADA) == 0


def wishes(hz: float) -> list[dict[str, object]]:
    """As many choices as a connection may have."""
    return [{"feed": board, "hz": hz} for board in BOARDS]


def answers(sink: MemorySink) -> list[dict[str, object]]:
    """What the client was sent, without the welcome and the state of the data."""
    frames = [json.loads(text) for text in sink.texts]
    return [frame for frame in frames if frame["type"] not in {"welcome", "status"}]


@pytest.mark.parametrize("way", ["unsubscribes", "leaves", "loses the right", "returns to the usual rate"])
async def test_connections_of_a_user_share_the_bound_until_one_gives_its_choices_back(way: str) -> None:
    door = Door()
    async with door.client(MemorySink()) as one, door.client(sink := MemorySink()) as three:
        async with door.client(MemorySink()) as two:
            await say(one, type="subscribe", feeds=wishes(1))
            await say(two, type="subscribe", feeds=wishes(2))
            await eventually(lambda: door.connections.choices.count(ADA) == MOST_CHOICES_PER_USER, 2.0)
            await say(three, type="subscribe", feeds=wishes(0.5)[:1])
            await eventually(lambda: len(answers(sink)) == 1, 2.0)
            (error,) = answers(sink)
            assert (error["code"], error["feed"]) == ("too_many_choices", BOARDS[0])
            assert str(error["message"]).startswith("all connections of a user may have 16 choices")
            if way == "unsubscribes":
                await say(two, type="unsubscribe", feeds=BOARDS)
            elif way == "returns to the usual rate":
                await say(two, type="subscribe", feeds=BOARDS)
            elif way == "loses the right":
                for outbox in door.rig.hub._outboxes:
                    outbox._give_up.__self__.on_permissions_changed(frozenset())  # type: ignore[attr-defined]
            if way != "leaves":
                await eventually(lambda: door.connections.choices.count(ADA) <= len(BOARDS), 2.0)
        await eventually(lambda: door.connections.choices.count(ADA) <= len(BOARDS), 2.0)
    await eventually(lambda: door.connections.choices.count(ADA) == 0, 2.0)
    await door.rig.hub.stop()
