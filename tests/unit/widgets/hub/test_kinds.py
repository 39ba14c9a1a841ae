"""A kind of feed is one file and one line, and one that breaks its interface is refused at the start."""

import ast
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import widgets
from marketdata.errors import ConfigurationError
from marketdata.payloads import RowBlock
from marketdata.schema.boards import TOP_GAINERS
from marketdata.store.keys import Keys
from marketdata.transport.queues import shard_of
from tests.support.builders import row_block
from tests.support.deadlines import eventually
from tests.support.manual_clock import ManualClock
from tests.unit.widgets.fakes import (
    MemoryAnnouncements,
    MemoryListenerRecord,
    MemorySnapshots,
    ReadingClient,
)
from tests.unit.widgets.hub import closes_kind
from tests.unit.widgets.hub.closes_kind import ClosesSource, closes_of
from widgets.catalog import Feed, FeedKind, StoredFeeds, feed_of
from widgets.hub import Hub, HubTiming, announced_channels
from widgets.hub.feeds import KINDS, FeedContext, FeedSource, FeedStream, by_kind
from widgets.hub.feeds.board import BoardSource
from widgets.hub.feeds.status import StatusSource
from widgets.outbox import Outbox

STORED = StoredFeeds(Keys(), 2)
HERE = Path(__file__)


def closes(price: float, tick: int) -> RowBlock:
    return row_block({"AAPL": {"close": price}}, tick=tick)


async def test_a_further_kind_is_served_when_its_class_is_named() -> None:
    clock, announcements, snapshots = ManualClock(), MemoryAnnouncements(), MemorySnapshots()
    snapshots.shards[shard_of("AAPL", 2)] = closes(1.0, tick=1)
    hub = Hub(
        announcements=announcements,
        snapshots=snapshots,
        listener=MemoryListenerRecord(),
        stored=STORED,
        clock=clock,
        timing=HubTiming(read_seconds=0.02, restart_seconds=0.02),
        kinds=(*KINDS, ClosesSource),
    )
    feed, client = closes_of("AAPL"), ReadingClient(clock)
    frames: list[dict[str, Any]] = []

    def came(kind: str, *prices: float) -> bool:
        clock.advance(0.25)
        while (text := client.outbox.take(hub.snapshot)) is not None:
            frames.append(json.loads(text))
        of_feed = [frame for frame in frames if frame.get("feed") == feed.name]
        rows = [["AAPL", price] for price in prices]
        return bool(of_feed) and (of_feed[-1]["type"], of_feed[-1]["rows"]) == (kind, rows)

    hub.attach(client.outbox)
    hub.subscribe(client.outbox, feed)
    await eventually(lambda: came("snapshot", 1.0), 2.0)
    announcements.announce(STORED.rows_channel(feed), closes(2.0, tick=2))
    await eventually(lambda: came("append", 2.0), 2.0)
    announcements.reconnect()
    await eventually(lambda: came("snapshot", 1.0, 2.0, 1.0), 2.0)
    announcements.fail(LookupError("a defect"))
    await eventually(lambda: came("snapshot", 1.0), 4.0)
    hub.unsubscribe(client.outbox, feed)
    announcements.announce(STORED.rows_channel(feed), closes(3.0, tick=3))
    hub.subscribe(client.outbox, feed_of(TOP_GAINERS))
    announcements.announce(Keys().board(TOP_GAINERS), closes(3.0, tick=3))
    await eventually(lambda: frames[-1].get("feed") == TOP_GAINERS or came("", 0.0), 2.0)
    assert sum(frame.get("feed") == feed.name for frame in frames) == 4
    await hub.stop()


def test_what_a_further_kind_hears_is_announced_to_the_hub() -> None:
    class Elsewhere(ClosesSource):
        @classmethod
        def channels(cls, stored: StoredFeeds) -> Sequence[str]:
            return ("news:0", next(iter(stored.shards)))

    channels = announced_channels(STORED, (*KINDS, Elsewhere))
    assert set(channels) == {*STORED.boards, *STORED.shards, *STORED.streams, "news:0"}
    assert len(channels) == len(set(channels))


def test_no_kind_is_known_by_name_outside_its_file_and_the_registry() -> None:
    """Neither a kind, nor its class or module, nor what the catalog has for one kind alone."""
    room = Path(str(widgets.__file__)).parent
    files = {room.parent / f"{source.__module__.replace('.', '/')}.py" for source in KINDS}
    assert all(path.is_file() for path in files)
    names = {"FeedKind", "ALERT_INFOS", "BOARD_INFOS", "EVENTS_HELD", "QUOTE_PATTERN", "ROW_COLUMNS"}
    names |= {"STATUS_FEED", "TRADES_PATTERN", *(source.__name__ for source in KINDS)}
    names |= {f"{path.parent.name}.{path.stem}" for path in files}
    others = {*room.glob("hub/**/*.py"), *room.glob("consumers/*.py"), *room.glob("protocol/*.py")}
    others |= {room / "outbox.py", room / "data_service.py"}
    assert len(others) > 20
    strangers = [
        f"{path}: {name}"
        for path in others - files - {room / "hub/feeds/registry.py"}
        for name in names
        if re.search(rf"\b{re.escape(name)}\b", without_docstrings(path.read_text()))
    ]
    assert strangers == []


def without_docstrings(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = ""
    return ast.unparse(tree)


class Sleepy(ClosesSource):
    def restore(self, wanted: Sequence[str]) -> None:  # type: ignore[override] # the fault
        del wanted


class Renamed(ClosesSource):
    def take(self, news: RowBlock) -> None:  # type: ignore[override] # the fault
        del news


class Greedy(ClosesSource):
    greet = "hello"  # type: ignore[assignment] # the fault


class Demanding(ClosesSource):
    def __init__(self, context: FeedContext, held: int) -> None:
        super().__init__(context)
        self._most = held


class Nameless(ClosesSource):
    kind = ""


class Unfinished(FeedSource):
    kind = "unfinished"

    def open(self, feed: Feed) -> FeedStream | None:
        del feed
        return None


class Stranger:
    kind = "stranger"


class Twin(StatusSource):
    def greet(self, outbox: Outbox, feed: Feed) -> None:
        del outbox, feed


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (Sleepy, "`restore`: def restore(self, wanted: Sequence[str]) -> None; expected: async def restore("),
        (Renamed, "Renamed has another `take`: def take(self, news: "),
        (Greedy, "Greedy has another `greet`: greet = 'hello'; expected: def greet(self, outbox: "),
        (Demanding, "Demanding has another `__init__`: def __init__(self, context: "),
        (Nameless, "Nameless has the kind ''; expected: `kind`, the name that the catalog's feeds have"),
        (Unfinished, "Unfinished lacks `channels`; expected: def channels(stored: "),
        (Stranger, "Stranger is no kind of feed; expected: a subclass of widgets.hub.feeds.source"),
        (Twin, "Twin has the kind 'status', as has "),
    ],
)  # fmt: skip
def test_a_kind_that_breaks_the_interface_is_named_with_its_place_and_what_is_expected(
    broken: type[FeedSource], said: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        by_kind((*KINDS, broken))
    assert str(HERE) in str(refused.value)
    assert said in re.sub(r"(collections\.abc|typing)\.", "", str(refused.value))


def test_the_hub_does_not_start_with_a_broken_kind() -> None:
    with pytest.raises(ConfigurationError, match="Sleepy"):
        Hub(
            announcements=MemoryAnnouncements(),
            snapshots=MemorySnapshots(),
            listener=MemoryListenerRecord(),
            stored=STORED,
            clock=ManualClock(),
            kinds=(*KINDS, Sleepy),
        )


def test_a_kind_of_the_catalog_that_nothing_serves_is_named() -> None:
    without_boards = [source for source in KINDS if source is not BoardSource]
    with pytest.raises(ConfigurationError, match=r"KINDS lacks the kinds board; expected: a class for each"):
        by_kind(without_boards)
    assert set(by_kind()) == set(FeedKind)


def test_the_further_kind_needs_nothing_that_knows_another_kind() -> None:
    imported = re.findall(r"^from (widgets\S*) import", Path(closes_kind.__file__).read_text(), re.MULTILINE)
    assert set(imported) == {"widgets.catalog", "widgets.hub.feeds", "widgets.protocol"}
