"""The walk over the outboxes: one write for each connection, in slices, whatever the connections do."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.manual_clock import ManualClock
from tests.unit.widgets.fakes import MemorySink, ReadingClient
from widgets.data_state import DataState
from widgets.hub.outbox import CONNECTIONS_PER_SLICE, Outbox, Outboxes
from widgets.protocol import VERSION_2, ProtocolVersion, Status
from widgets.wire import PreparedFrame

STALE = Status(state=DataState.STALE, age_ms=None, detail="")


class Walking:
    """Outboxes with one feed `f`, whose state is a number. An update says which number it follows."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.wakes = 0
        self.outboxes = Outboxes(self._render, self.clock, self._wake)
        self.state = 0

    def client(self) -> ReadingClient:
        """A connection that has subscribed and waits for its snapshot."""
        client = ReadingClient()
        self.outboxes.add(client.outbox)
        client.outbox.snapshot("f")
        self.outboxes.mark((client.outbox,))
        return client

    def emit(self, clients: Sequence[ReadingClient]) -> None:
        """Change the state, and tell the clients."""
        update = (PreparedFrame(json.dumps({"prev": self.state, "seq": self.state + 1})),)
        self.state += 1
        for client in clients:
            client.outbox.update("f", update)
        self.outboxes.mark([client.outbox for client in clients])

    def _render(self, _feed: str, _version: ProtocolVersion) -> PreparedFrame:
        return PreparedFrame(json.dumps({"seq": self.state}))

    def _wake(self) -> None:
        self.wakes += 1


def state_of(texts: Sequence[str], before: int | None = None) -> int | None:
    """What a correct client holds after these frames; it refuses an update that does not follow."""
    for text in texts:
        frame: dict[str, Any] = json.loads(text)
        assert "prev" not in frame or frame["prev"] == before
        before = frame["seq"]
    return before


@pytest.fixture
def walking() -> Walking:
    return Walking()


async def test_all_frames_of_a_connection_and_tick_are_one_write(walking: Walking) -> None:
    client = walking.client()
    client.outbox.answer(PreparedFrame('{"seq": 0}'))
    client.outbox.update("g", (PreparedFrame('{"seq": 0}'),))
    await walking.outboxes.walk()
    assert (client.sink.writes, len(client.sink.texts)) == (1, 3)


async def test_a_connection_that_takes_nothing_is_visited_again_when_it_is_writable(walking: Walking) -> None:
    client = walking.client()
    await walking.outboxes.walk()
    client.sink.pause()
    for _ in range(3):
        walking.emit([client])
        await walking.outboxes.walk()
    wakes = walking.wakes
    client.sink.resume()
    assert walking.wakes == wakes + 1
    await walking.outboxes.walk()
    assert [json.loads(text) for text in client.sink.texts] == [{"seq": 0}, {"seq": 3}]


async def test_a_connection_that_becomes_writable_with_nothing_to_send_wakes_nobody(walking: Walking) -> None:
    client = walking.client()
    await walking.outboxes.walk()
    wakes = walking.wakes
    client.sink.resume()
    assert walking.wakes == wakes


async def test_only_a_connection_that_takes_nothing_for_too_long_is_given_up(walking: Walking) -> None:
    stalled, slow, idle = walking.client(), walking.client(), walking.client()
    await walking.outboxes.walk()
    for client in (stalled, slow):
        client.sink.pause()
    idle.sink.pause()  # nothing waits for it
    for _ in range(4):
        walking.emit([stalled, slow])
        await walking.outboxes.walk()
        slow.sink.resume()
        await walking.outboxes.walk()
        slow.sink.pause()
        walking.clock.advance(10.0)
        walking.outboxes.housekeep(30.0)
    assert [client.given_up for client in (stalled, slow, idle)] == [1, 0, 0]
    assert len(stalled.outbox) == 0


async def test_a_stall_begins_with_the_frame_that_was_not_taken_and_not_with_the_next_one(
    walking: Walking, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = walking.client()
    await walking.outboxes.walk()
    write = client.sink.write

    def fill(frames: Sequence[PreparedFrame]) -> None:
        write(frames)
        client.sink.pause()

    monkeypatch.setattr(client.sink, "write", fill)
    walking.emit([client])
    await walking.outboxes.walk()
    walking.clock.advance(29.0)
    walking.emit([client])
    await walking.outboxes.walk()
    walking.outboxes.housekeep(30.0)
    assert client.given_up == 0
    walking.clock.advance(1.0)
    walking.outboxes.housekeep(30.0)
    assert client.given_up == 1


async def test_a_walk_gives_way_between_slices_and_survives_those_who_leave_and_join(
    walking: Walking,
) -> None:
    clients = [walking.client() for _ in range(3 * CONNECTIONS_PER_SLICE)]
    joined: list[ReadingClient] = []

    async def meanwhile() -> None:
        written = [client for client in clients if client.sink.writes]
        waiting = [client for client in clients if not client.sink.writes]
        assert (len(written), len(waiting)) == (CONNECTIONS_PER_SLICE, 2 * CONNECTIONS_PER_SLICE)
        for client in waiting[::2]:
            walking.outboxes.remove(client.outbox)
        joined.append(walking.client())

    task = asyncio.create_task(meanwhile())
    await walking.outboxes.walk()
    await task
    assert sum(client.sink.writes for client in clients) == 2 * CONNECTIONS_PER_SLICE
    await walking.outboxes.walk()
    assert joined[0].sink.writes == 1


async def test_a_sink_that_raises_ends_its_own_connection_only(walking: Walking) -> None:
    class Broken(MemorySink):
        def write(self, frames: Sequence[PreparedFrame]) -> None:
            raise OSError("transport closed")

    given_up: list[int] = []
    broken = Outbox(Broken(), VERSION_2, lambda: given_up.append(1))
    walking.outboxes.add(broken)
    healthy = [walking.client() for _ in range(5)]
    broken.snapshot("f")
    walking.outboxes.mark((broken,))
    await walking.outboxes.walk()
    assert [client.sink.writes for client in healthy] == [1] * 5
    assert given_up == [1]


async def test_a_status_goes_to_all_and_tells_each_what_was_conflated_for_it(walking: Walking) -> None:
    fast, also_fast, slow = walking.client(), walking.client(), walking.client()
    await walking.outboxes.walk()
    slow.sink.pause()
    for _ in range(3):
        walking.emit([fast, also_fast, slow])
        await walking.outboxes.walk()
    slow.sink.resume()
    walking.outboxes.send_status(STALE)
    await walking.outboxes.walk()
    frames = [client.sink.frames[-1] for client in (fast, also_fast)]
    assert frames[0] is frames[1]
    assert json.loads(frames[0].payload)["conflated"] == 0
    assert json.loads(slow.sink.frames[-2].payload)["conflated"] == 2


class Connected:
    """A client that reads all that it takes, and what it then holds."""

    def __init__(self, walking: Walking) -> None:
        self._walking = walking
        self.client = walking.client()
        self.held: int | None = None

    def read(self) -> None:
        self.held = state_of(self.client.sink.read(), self.held)

    def resync(self) -> None:
        self.client.outbox.snapshot("f")
        self.flush()

    def flush(self) -> None:
        self._walking.outboxes.flush(self.client.outbox)

    def leave(self) -> None:
        self.read()
        self._walking.outboxes.remove(self.client.outbox)
        self.client.sink.resume()
        self.flush()
        assert self.client.sink.read() == []


ACTS = {
    "pause": lambda each: each.client.sink.pause(),
    "resume": lambda each: each.client.sink.resume(),
    "flush": Connected.flush,
    "resync": Connected.resync,
    "leave": Connected.leave,
}


@given(
    st.lists(
        st.sampled_from(["emit", "walk", "join"]) | st.tuples(st.sampled_from(list(ACTS)), st.integers(0, 3)),
        max_size=60,
    )
)
async def test_whatever_happens_each_client_holds_the_state_of_the_server(
    steps: list[str | tuple[str, int]],
) -> None:
    walking = Walking()
    connected = [Connected(walking)]
    for step in steps:
        if isinstance(step, tuple):
            act, number = step
            if connected:
                each = connected[number % len(connected)]
                ACTS[act](each)
                if act == "leave":
                    connected.remove(each)
        elif step == "emit":
            walking.emit([each.client for each in connected])
        elif step == "walk":
            await walking.outboxes.walk()
        else:
            connected.append(Connected(walking))
        for each in connected:
            each.read()
    for each in connected:
        each.client.sink.resume()
    await walking.outboxes.walk()
    for each in connected:
        each.read()
    assert [each.held for each in connected] == [walking.state] * len(connected)
