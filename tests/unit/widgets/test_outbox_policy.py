"""What waits for a connection: order, conflation, bounds, and a writer that does not get on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from tests.support.deadlines import eventually
from tests.support.manual_clock import ManualClock
from tests.unit.widgets.fakes import ReadingClient
from widgets.outbox import MOST_ANSWERS, Outbox
from widgets.protocol import ProtocolVersion


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def client(clock: ManualClock) -> ReadingClient:
    return ReadingClient(clock)


def snapshot_of(feed: str, _version: ProtocolVersion) -> str:
    return f"snapshot of {feed}"


def drain(outbox: Outbox, render: Callable[[str, ProtocolVersion], str | None] = snapshot_of) -> list[str]:
    texts = []
    while (text := outbox.take(render)) is not None:
        texts.append(text)
    return texts


def test_answers_go_first_and_in_order_then_the_status_then_feeds(client: ReadingClient) -> None:
    outbox = client.outbox
    outbox.delta("a", "delta of a")
    outbox.status("status")
    outbox.answer("one")
    outbox.answer("two")
    assert drain(outbox) == ["one", "two", "status", "delta of a"]
    assert len(outbox) == 0


def test_a_delta_behind_a_waiting_frame_becomes_a_fresh_snapshot(client: ReadingClient) -> None:
    outbox = client.outbox
    outbox.delta("a", "first")
    outbox.delta("a", "second")
    outbox.delta("a", "third")
    assert len(outbox) == 1
    assert drain(outbox) == ["snapshot of a"]
    assert outbox.collect_counts().conflated == 2


def test_a_feed_that_could_be_sent_gets_its_delta(client: ReadingClient) -> None:
    outbox = client.outbox
    for number in range(3):
        outbox.delta("a", f"delta {number}")
        assert drain(outbox) == [f"delta {number}"]


def test_an_update_during_the_wait_for_a_snapshot_is_in_the_snapshot(client: ReadingClient) -> None:
    outbox, state = client.outbox, {"a": "state 1"}
    outbox.snapshot("a")
    state["a"] = "state 2"
    outbox.delta("a", "from 1 to 2")
    assert drain(outbox, lambda feed, _version: state.get(feed)) == ["state 2"]


def test_an_update_while_a_snapshot_is_being_sent_follows_it(client: ReadingClient) -> None:
    outbox, state = client.outbox, {"a": "state 1"}
    outbox.snapshot("a")
    assert outbox.take(lambda feed, _version: state.get(feed)) == "state 1"
    state["a"] = "state 2"
    outbox.delta("a", "from 1 to 2")
    assert drain(outbox, lambda feed, _version: state.get(feed)) == ["from 1 to 2"]


def test_a_busy_feed_does_not_keep_a_quiet_one_waiting(client: ReadingClient) -> None:
    outbox = client.outbox
    outbox.delta("busy", "1")
    outbox.delta("quiet", "1")
    outbox.delta("busy", "2")
    assert outbox.take(snapshot_of) == "snapshot of busy"
    outbox.delta("busy", "3")
    assert outbox.take(snapshot_of) == "1"


def test_a_feed_without_data_is_passed_over(client: ReadingClient) -> None:
    client.outbox.snapshot("empty")
    client.outbox.delta("a", "delta of a")
    assert drain(client.outbox, lambda _feed, _version: None) == ["delta of a"]


def test_of_the_status_only_the_newest_waits(client: ReadingClient) -> None:
    client.outbox.status("stale")
    client.outbox.status("live")
    assert drain(client.outbox) == ["live"]


def test_a_discarded_feed_is_not_sent(client: ReadingClient) -> None:
    client.outbox.delta("a", "delta of a")
    client.outbox.discard("a")
    client.outbox.discard("never asked for")
    assert drain(client.outbox) == []


def test_a_client_that_leaves_its_answers_unread_is_given_up_once_and_costs_nothing_more(
    client: ReadingClient,
) -> None:
    outbox = client.outbox
    for number in range(MOST_ANSWERS):
        outbox.answer(str(number))
    assert (client.given_up, len(outbox)) == (0, MOST_ANSWERS)
    outbox.answer("one too many")
    for _ in range(3):
        outbox.answer("more")
        outbox.status("status")
        outbox.delta("a", "delta")
        outbox.snapshot("b")
    assert (client.given_up, len(outbox)) == (1, 0)


class BlockingNetwork:
    """Takes a frame only when the test lets it."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.open = asyncio.Event()

    async def send(self, text: str) -> None:
        await self.open.wait()
        self.sent.append(text)


@contextlib.asynccontextmanager
async def writing(outbox: Outbox, network: BlockingNetwork) -> AsyncIterator[None]:
    task = asyncio.create_task(outbox.write(network.send, snapshot_of))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_blocked_writer_costs_one_frame_a_feed_and_then_catches_up(client: ReadingClient) -> None:
    network, outbox = BlockingNetwork(), client.outbox
    async with writing(outbox, network):
        outbox.delta("a", "first")
        await eventually(lambda: len(outbox) == 0, 2.0)  # the writer holds it
        for number in range(1_000):
            outbox.delta("a", f"a {number}")
            outbox.delta("b", f"b {number}")
        assert len(outbox) == 2
        network.open.set()
        await eventually(lambda: network.sent == ["first", "snapshot of a", "snapshot of b"], 2.0)


async def test_a_writer_without_progress_is_noticed_and_an_idle_one_is_not(
    client: ReadingClient, clock: ManualClock
) -> None:
    network, outbox = BlockingNetwork(), client.outbox
    async with writing(outbox, network):
        clock.advance(100)
        assert outbox.stalled_seconds() == 0
        outbox.answer("pong")
        await eventually(lambda: len(outbox) == 0, 2.0)
        clock.advance(31)
        assert outbox.stalled_seconds() == 31
        network.open.set()
        await eventually(lambda: outbox.stalled_seconds() == 0, 2.0)
    assert outbox.collect_counts().answers == 1
