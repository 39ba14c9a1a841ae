"""The consumer of a connection: sinks, limits, and what it must not do for each client."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from channels.testing import WebsocketCommunicator

from marketdata.clock import SystemClock
from marketdata.observability import metrics
from marketdata.runtime.live_settings import LiveSettings
from tests.support.deadlines import eventually
from tests.support.feeds import CATALOG
from tests.unit.widgets.fakes import MemorySink
from tests.unit.widgets.hub.hub_rig import HubRig
from widgets.consumers import Connections, WidgetConsumer
from widgets.protocol import SUBPROTOCOL_V2
from widgets.settings import WidgetLimits
from widgets.viewer import VIEWER_KEY, Follower
from widgets.wire import SINK_EXTENSION


class Ada:
    """A viewer whose login does not end."""

    user_id = 1
    username = "ada"
    way = "session"
    token_name = ""
    permissions = frozenset({"boards", "status"})

    def follow(self, follower: Follower) -> None:
        """Nothing is reported: the login does not end."""


class Door:
    """Opens connections to a consumer, with or without the sink of a web server."""

    def __init__(self, limits: WidgetLimits | None = None) -> None:
        self.rig = HubRig()
        clock = SystemClock()
        self.settings = LiveSettings(limits or WidgetLimits(), source="this test", clock=clock)
        self.connections = Connections(self.settings, clock)
        self._consumer = WidgetConsumer.as_asgi(
            hub=self.rig.hub, catalog=CATALOG, connections=self.connections, clock=clock
        )

    @contextlib.asynccontextmanager
    async def client(self, sink: MemorySink | None = None) -> AsyncIterator[WebsocketCommunicator]:
        client = WebsocketCommunicator(self._consumer, "/ws/", subprotocols=[SUBPROTOCOL_V2])
        client.scope |= {VIEWER_KEY: Ada(), "client": ("192.0.2.1", 5)}
        if sink is not None:
            client.scope["extensions"] = {SINK_EXTENSION: {"sink": sink}}
        accepted, _ = await client.connect()
        assert accepted
        try:
            yield client
        finally:
            await client.disconnect()


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    door = Door()
    yield door
    await door.rig.hub.stop()


async def closing(client: WebsocketCommunicator) -> dict[str, Any]:
    """Read on until the connection is closed."""
    while (message := await client.receive_output(timeout=5))["type"] != "websocket.close":
        pass
    return dict(message)


async def close_code(client: WebsocketCommunicator) -> int:
    return int((await closing(client))["code"])


async def say(client: WebsocketCommunicator, **message: Any) -> None:
    await client.send_to(text_data=json.dumps(message))


def closed(reason: str) -> float:
    return float(metrics.WIDGET_CLOSED.labels(reason)._value.get())


async def test_frames_leave_by_the_sink_of_the_server_and_the_answers_to_a_message_at_once(
    door: Door,
) -> None:
    sink = MemorySink()
    async with door.client(sink) as client:
        await say(client, type="ping", id=7)
        await eventually(lambda: len(sink.texts) == 2, 2.0)
        assert [json.loads(text)["type"] for text in sink.texts] == ["welcome", "pong"]
        assert await client.receive_nothing()


async def test_without_a_sink_frames_are_sent_by_asgi_in_the_same_order(door: Door) -> None:
    async with door.client() as client:
        for number in range(50):
            await say(client, type="ping", id=number)
        frames = [json.loads(await client.receive_from(timeout=5)) for _ in range(51)]
    assert frames[0]["type"] == "welcome"
    assert [frame["id"] for frame in frames[1:]] == list(range(50))


@pytest.mark.parametrize("by_sink", [True, False])
async def test_one_who_floods_is_cut_and_others_are_not_affected(by_sink: bool) -> None:
    door = Door(WidgetLimits(messages_per_second=10, message_burst_seconds=1))
    before = closed("too_many_messages")
    async with (
        door.client(MemorySink() if by_sink else None) as flooding,
        door.client(other := MemorySink()) as polite,
    ):
        for number in range(100):
            await say(flooding, type="ping", id=number)
        assert await close_code(flooding) == 4430
        await say(polite, type="ping", id=1)
        await eventually(lambda: len(other.texts) == 2, 2.0)
    assert closed("too_many_messages") == before + 1
    await door.rig.hub.stop()


async def test_two_connections_of_a_user_share_what_the_user_may_send_and_the_close_names_the_limit() -> None:
    door = Door(WidgetLimits(messages_per_second=5, user_messages_per_second=6))
    async with door.client(MemorySink()) as first, door.client(MemorySink()) as second:
        for number in range(50):
            await say(first, type="ping", id=number)
        for number in range(15):
            await say(second, type="ping", id=number)
        assert (await closing(second))["reason"] == "stop: too many messages (user_messages_per_second)"
    await door.rig.hub.stop()


async def test_all_connections_of_a_user_have_a_bounded_number_of_feeds_and_give_them_back() -> None:
    door = Door(WidgetLimits(feeds_per_connection=2, feeds_per_user=2))
    two = {"type": "subscribe", "feeds": ["scanners:top_gainers", "scanners:top_losers"]}
    async with door.client(MemorySink()) as first, door.client(sink := MemorySink()) as second:
        await say(first, **two)
        await say(second, type="subscribe", feeds=["scanners:top_losers"])
        await eventually(lambda: len(sink.texts) == 2, 2.0)
        error = json.loads(sink.texts[1])
        assert error["code"] == "too_many_feeds"
        assert "all connections of a user may have 2 feeds (feeds_per_user)" in error["message"]
        await say(first, type="unsubscribe", feeds=["scanners:top_gainers"])
        await say(first, type="unsubscribe", feeds=["scanners:top_gainers"])  # counts once
        for name in ("scanners:top_losers", "scanners:top_gainers"):
            await say(second, type="subscribe", feeds=[name])
        await eventually(lambda: len(sink.texts) == 3, 2.0)
        assert json.loads(sink.texts[2])["feed"] == "scanners:top_gainers"
    async with door.client(again := MemorySink()) as third:
        await say(third, **two)
        await say(third, type="ping", id=1)
        await eventually(lambda: len(again.texts) == 2, 2.0)
    await door.rig.hub.stop()


async def test_the_bytes_of_messages_are_counted_and_not_their_characters() -> None:
    door = Door(WidgetLimits(message_bytes_per_second=70_000, message_burst_seconds=1))
    async with door.client(MemorySink()) as client:
        for _ in range(4):  # 60,000 characters in all, of three bytes each
            await client.send_to(text_data="€" * 15_000)
        assert await close_code(client) == 4430
    await door.rig.hub.stop()


@pytest.mark.parametrize("kind", ["subscribe", "unsubscribe", "resync"])
async def test_one_whose_messages_name_feeds_without_end_is_cut_whatever_the_answer(
    door: Door, kind: str
) -> None:
    names = [f"scanners:{number}" for number in range(200)]  # few messages, much work: 200 answers each
    async with door.client(MemorySink()) as flooding, door.client(other := MemorySink()) as polite:
        for _ in range(11):
            await say(flooding, type=kind, feeds=names)
        assert await close_code(flooding) == 4430
        await say(polite, type="ping", id=1)
        await eventually(lambda: len(other.texts) == 2, 2.0)


async def test_a_client_may_subscribe_to_all_the_feeds_that_it_may_have_at_once(door: Door) -> None:
    async with door.client(sink := MemorySink()) as client:
        for start in range(0, WidgetLimits().feeds_per_connection, 125):
            await say(client, type="subscribe", feeds=[f"quote:S{start + n}" for n in range(125)])
        await say(client, type="ping", id=1)
        await eventually(lambda: '"pong"' in str(sink.texts[-1]), 5.0)


async def test_the_answers_to_a_wrong_message_are_sent_before_the_close() -> None:
    door = Door()
    async with door.client() as client:
        await client.receive_from(timeout=5)
        await client.send_to(text_data="x" * 1_000_000)
        assert json.loads(await client.receive_from(timeout=5))["code"] == "too_large"
        assert await close_code(client) == 4409
    await door.rig.hub.stop()


async def test_limits_that_change_hold_for_open_connections(door: Door) -> None:
    sink = MemorySink()
    async with door.client(sink) as client:
        door.settings.apply(WidgetLimits(feeds_per_connection=1))
        await say(client, type="subscribe", feeds=["status", "scanners:top_gainers"])
        await eventually(lambda: len(sink.texts) == 2, 2.0)
        error = json.loads(sink.texts[1])
    assert (error["code"], error["feed"]) == ("too_many_feeds", "scanners:top_gainers")
    assert "may have 1 feeds" in error["message"]


async def test_the_welcome_tells_the_limits_that_hold_when_the_connection_begins(door: Door) -> None:
    door.settings.apply(WidgetLimits(feeds_per_connection=7, reconnect_restart_ms=900))
    async with door.client(sink := MemorySink()):
        await eventually(lambda: len(sink.texts) == 1, 2.0)
    welcome = json.loads(sink.texts[0])
    assert welcome["limits"]["feeds_per_connection"] == 7
    assert welcome["reconnect"] == {"restart_ms": [500, 900], "lost_ms": [250, 5_000], "longest_ms": 30_000}


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (WidgetLimits(connections_per_user=1), 4429),
        (WidgetLimits(connections_per_process=1), 1013),
    ],
)
async def test_a_connection_above_a_limit_is_closed_with_its_code_and_takes_no_place(
    limits: WidgetLimits, code: int
) -> None:
    door = Door(limits)
    async with door.client(MemorySink()):
        for _ in range(3):
            async with door.client(MemorySink()) as refused:
                assert await close_code(refused) == code
    async with door.client(again := MemorySink()) as client:
        await say(client, type="ping", id=1)
        await eventually(lambda: len(again.texts) == 2, 2.0)
    await door.rig.hub.stop()


async def test_a_client_that_does_not_read_its_close_is_cut_off(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("widgets.consumers.connection.STALLED_GRACE_SECONDS", 0.05)
    sink = MemorySink()

    async def never(_message: Any) -> None:
        await asyncio.Event().wait()

    async with door.client(sink) as client:
        consumer = next(iter(door.rig.hub._outboxes))._give_up.__self__  # type: ignore[attr-defined]
        consumer.base_send = never
        sink.pause()
        await say(client, type="ping", id=1)
        await eventually(lambda: len(next(iter(door.rig.hub._outboxes))) > 0, 2.0)
        consumer._on_too_slow()
        await eventually(lambda: sink.is_aborted, 2.0)
        assert list(door.rig.hub._outboxes) == []


async def test_a_message_costs_no_visit_to_the_thread_of_the_database(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*_arguments: Any) -> None:
        raise AssertionError("a consumer of market data does not use the database")

    monkeypatch.setattr("channels.consumer.aclose_old_connections", refused)
    monkeypatch.setattr("channels.generic.websocket.aclose_old_connections", refused)
    async with door.client(sink := MemorySink()) as client:
        await say(client, type="ping", id=1)
        await eventually(lambda: len(sink.texts) == 2, 2.0)


def tasks_of_connections() -> list[str]:
    """The functions that run in tasks of this package, but the hub's."""
    names = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
    return sorted(name for name in names if name.startswith(("WidgetConsumer", "AsgiSink", "Outbox")))


async def test_a_connection_has_no_task_but_the_servers(
    door: Door,
) -> None:
    async with door.client(sink := MemorySink()) as client:
        await say(client, type="subscribe", feeds=["status"])
        await say(client, type="ping", id=1)
        await eventually(lambda: len(sink.texts) == 2, 2.0)
        assert tasks_of_connections() == ["WidgetConsumer"]
    assert tasks_of_connections() == []
