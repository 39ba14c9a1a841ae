"""The consumer of version 1: whatever a client sends, it is answered, and nobody else is affected."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any, Final
from unittest import mock

import pytest
from channels.testing import WebsocketCommunicator
from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata.clock import SystemClock
from marketdata.runtime.live_settings import FixedSettings
from tests.support.deadlines import eventually
from tests.support.feeds import CATALOG
from tests.unit.widgets.fakes import MemorySink
from tests.unit.widgets.hub.hub_rig import HubRig
from tests.unit.widgets.test_consumer import Ada, close_code
from widgets.consumers import Connections, Version1Consumer
from widgets.protocol import v1_messages
from widgets.settings import WidgetLimits
from widgets.viewer import LOG_IN_KEY, LoginEnd, LogInRefused, Viewer
from widgets.wire import SINK_EXTENSION

KEY: Final = "ada's key"
STATUSES: Final = v1_messages.SUCCESSES | {
    v1_messages.INVALID_KEY,
    v1_messages.UNAUTHORIZED,
    v1_messages.INVALID_ACTION,
    v1_messages.UNKNOWN_FEED,
    v1_messages.FORBIDDEN_FEED,
    v1_messages.UNKNOWN_CACHE,
    v1_messages.FORBIDDEN_CACHE,
    v1_messages.INVALID_LIMIT,
}

names = st.one_of(st.sampled_from(["quote:AAPL", "status", "scanners:top_gainers", "*", "mdp:x"]), st.text())
actions = st.fixed_dictionaries(
    {"action": st.one_of(st.sampled_from(["auth", "subscribe", "unsubscribe", "get"]), st.text())},
    optional={
        "feed": st.one_of(names, st.integers()),
        "cache": st.one_of(names, st.none()),
        "limit": st.one_of(st.integers(), st.floats(), st.text(), st.booleans(), st.none()),
        "api_key": st.one_of(st.text(), st.integers()),
    },
)
messages = st.one_of(st.binary(), st.text(), actions.map(json.dumps))


async def log_in(api_key: str) -> Viewer:
    if api_key == KEY:
        return Ada()
    raise LogInRefused(None if api_key == "busy" else LoginEnd.LOGGED_OUT)


class Door1:
    """Opens connections to a consumer of version 1."""

    def __init__(self, limits: WidgetLimits | None = None) -> None:
        self.rig = HubRig()
        self.connections = Connections(FixedSettings(limits or WidgetLimits()), SystemClock())
        self._consumer = Version1Consumer.as_asgi(
            hub=self.rig.hub, catalog=CATALOG, connections=self.connections, clock=SystemClock()
        )

    @contextlib.asynccontextmanager
    async def client(self, sink: MemorySink, *keys: str) -> AsyncIterator[WebsocketCommunicator]:
        client = WebsocketCommunicator(self._consumer, "/ws/")
        client.scope |= {
            LOG_IN_KEY: log_in,
            "client": ("192.0.2.1", 5),
            "extensions": {SINK_EXTENSION: {"sink": sink}},
        }
        accepted, _ = await client.connect()
        assert accepted
        try:
            for key in keys:
                await say(client, action="auth", api_key=key)
                await eventually(lambda: bool(sink.texts), 2.0)
                assert json.loads(sink.read()[0]) == {"status": "authorized"}
            yield client
        finally:
            await client.disconnect()


async def say(client: WebsocketCommunicator, **message: Any) -> None:
    await client.send_to(text_data=json.dumps(message))


@pytest.fixture
async def door() -> AsyncIterator[Door1]:
    door = Door1()
    yield door
    await door.rig.hub.stop()


@settings(max_examples=60, deadline=None)
@given(st.lists(messages, max_size=8), st.booleans())
def test_any_message_is_answered_in_the_words_of_version_1_and_others_are_served(
    sent: list[str | bytes], has_key: bool
) -> None:
    with mock.patch("widgets.consumers.version_1.GET_SECONDS", 0.01):
        asyncio.run(exchange(sent, has_key=has_key))


async def exchange(sent: list[str | bytes], *, has_key: bool) -> None:
    door, sink, other_sink = Door1(), MemorySink(), MemorySink()
    async with door.client(other_sink, KEY) as other:
        async with door.client(sink, *([KEY] if has_key else [])) as client:
            for message in sent:
                kind = "text" if isinstance(message, str) else "bytes"
                await client.send_input({"type": "websocket.receive", kind: message})
        answers = [answer for answer in map(json.loads, sink.texts) if isinstance(answer, dict)]
        statuses = [answer["status"] for answer in answers if "status" in answer]
        caches = [answer for answer in answers if answer.keys() == {"cache", "data"}]
        assert STATUSES.issuperset(statuses)
        if v1_messages.INVALID_KEY not in statuses:
            assert len(statuses) + len(caches) == len(sent), "each message has one answer"
        await say(other, action="unsubscribe", feed="status")
        await eventually(lambda: bool(other_sink.texts), 2.0)
        assert json.loads(other_sink.texts[0]) == {"status": "unsubscribed", "feed": "status"}
    await door.rig.hub.stop()


async def test_a_key_that_cannot_be_checked_now_is_told_to_come_back(door: Door1) -> None:
    async with door.client(sink := MemorySink()) as client:
        await say(client, action="auth", api_key="busy")
        assert await close_code(client) == 1013
    assert json.loads(sink.texts[0]) == {"status": "try again later"}


async def test_an_ended_connection_gives_its_place_back_before_and_after_the_key() -> None:
    limits = WidgetLimits(unauthenticated_per_address=1, connections_per_user=1)
    door = Door1(limits)
    for _ in range(3):
        async with door.client(MemorySink()):
            pass
        async with door.client(MemorySink(), KEY):
            pass
    await door.rig.hub.stop()


async def test_a_process_has_a_bounded_number_of_connections_without_a_key() -> None:
    door = Door1(WidgetLimits(unauthenticated_per_process=1))
    async with door.client(MemorySink()), door.client(MemorySink()) as refused:
        assert await close_code(refused) == 1013
    await door.rig.hub.stop()


async def test_a_message_that_is_too_large_is_answered_before_the_close(door: Door1) -> None:
    async with door.client(sink := MemorySink()) as client:
        await client.send_to(text_data="x" * 100_000)
        assert await close_code(client) == 4409
    assert json.loads(sink.texts[0]) == {"status": "invalid action"}


async def test_one_who_does_not_read_cannot_have_large_answers_wait(door: Door1) -> None:
    async with door.client(sink := MemorySink(), KEY) as client:
        sink.pause()
        for _ in range(3):
            await say(client, action="get", cache="scanners:top_gainers")
        outbox = next(iter(door.rig.hub._outboxes))
        await eventually(lambda: len(outbox) == 3, 2.0)
        sink.resume()
        door.rig.hub.flush(outbox)
        assert {json.loads(text)["status"] for text in sink.texts} == {"earlier answers not read"}


async def test_one_who_asks_for_too_much_is_closed(door: Door1) -> None:
    async with door.client(MemorySink(), KEY) as client:
        for _ in range(100):
            await say(client, action="get", cache="status")
        assert await close_code(client) == 4430
