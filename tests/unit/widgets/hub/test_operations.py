"""The feed `operations`: one document a second for all subscribers, and no reading without any."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from marketdata.control.document import InstallationReader
from marketdata.control.views import Overview
from tests.support import installation
from tests.support.deadlines import eventually
from tests.support.feeds import CATALOG, feed_of
from tests.support.manual_clock import ManualClock
from tests.unit.widgets.fakes import (
    MemoryAnnouncements,
    MemoryListenerRecord,
    MemorySnapshots,
    ReadingClient,
)
from tests.unit.widgets.hub.hub_rig import QUICK, STORED
from widgets.hub import Hub
from widgets.hub.installation_watch import InstallationWatch
from widgets.protocol import VERSION_1, VERSION_2_PACKED

OPERATIONS = feed_of("operations")
READING_SECONDS = 0.01


class Overviews:
    """A new overview for each call, which it counts."""

    def __init__(self) -> None:
        self.read = 0
        self.fails = False

    async def newest(self) -> Overview:
        self.read += 1
        if self.fails:
            raise ValueError("a defect")
        return msgspec.structs.replace(installation.overview(), read_at_ms=self.read)


class Rig:
    """A hub that reads an installation a hundred times a second."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.overviews = Overviews()
        self.hub = Hub(
            announcements=MemoryAnnouncements(),
            snapshots=MemorySnapshots(),
            listener=MemoryListenerRecord(),
            stored=STORED,
            catalog=CATALOG,
            clock=self.clock,
            timing=QUICK,
            installation=InstallationWatch(InstallationReader(self.overviews), READING_SECONDS),
        )

    def client(self) -> ReadingClient:
        client = ReadingClient()
        self.hub.attach(client.outbox)
        self.hub.subscribe(client.outbox, OPERATIONS)
        return client

    async def documents(self, client: ReadingClient, count: int) -> list[dict[str, Any]]:
        """The next documents that a client reads, with a second between them."""
        found: list[dict[str, Any]] = []

        def read() -> bool:
            self.clock.advance(1)
            self.hub.flush(client.outbox)
            frames = [json.loads(text) for text in client.sink.read()]
            found.extend(frame for frame in frames if frame["type"] == "document")
            return len(found) >= count

        await eventually(read, 5.0)
        return found


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    built = Rig()
    built.hub.start()
    yield built
    await built.hub.stop()


async def test_a_subscriber_gets_the_whole_document_again_and_again(rig: Rig) -> None:
    first, second = (await rig.documents(rig.client(), 2))[:2]
    assert first["feed"] == "operations"
    assert first["document"]["verdict"]["state"] == "healthy"
    assert {each["report"]["service"] for each in first["document"]["overview"]["processes"]} >= {"listener"}
    assert second["seq"] > first["seq"]
    assert second["epoch"] == first["epoch"]
    assert "prev" not in second
    assert second["document"]["overview"]["read_at_ms"] > first["document"]["overview"]["read_at_ms"]


async def test_nobody_reads_while_nobody_is_subscribed(rig: Rig) -> None:
    await asyncio.sleep(READING_SECONDS * 5)
    assert rig.overviews.read == 0
    client = rig.client()
    await rig.documents(client, 1)
    rig.hub.detach(client.outbox)
    read = rig.overviews.read
    await asyncio.sleep(READING_SECONDS * 5)
    assert rig.overviews.read <= read + 1  # the reading that was under way


async def test_all_subscribers_share_one_reading(rig: Rig) -> None:
    clients = [rig.client() for _ in range(3)]
    frames = [(await rig.documents(each, 1))[-1] for each in clients]
    assert all(frame["document"]["overview"]["read_at_ms"] <= rig.overviews.read for frame in frames)
    rig.hub.detach(clients[0].outbox)
    await rig.documents(clients[1], 1)  # the others go on


async def test_a_defect_in_the_reading_ends_no_other_feed(rig: Rig) -> None:
    rig.overviews.fails = True
    frame = (await rig.documents(rig.client(), 1))[0]
    assert frame["document"]["verdict"]["state"] == "unknown"
    assert rig.hub.unready() == {}


def test_columns_cannot_be_chosen_and_the_rate_can() -> None:
    assert CATALOG.chosen("operations", None, 0.5).hz == 0.5
    with pytest.raises(ValueError, match="no such column"):
        CATALOG.chosen("operations", ["close"])


async def test_other_versions_of_the_protocol_say_the_same(rig: Rig) -> None:
    await rig.documents(rig.client(), 1)
    packed = rig.hub.snapshot(OPERATIONS.key, VERSION_2_PACKED)
    bare = rig.hub.snapshot(OPERATIONS.key, VERSION_1)
    assert packed is not None
    assert bare is not None
    assert isinstance(packed.payload, bytes)
    document = msgspec.msgpack.decode(packed.payload)["document"]
    assert document["verdict"]["state"] == "healthy"
    assert json.loads(bare.payload).keys() == {"verdict", "overview"}
