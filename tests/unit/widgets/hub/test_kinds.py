"""A kind of feed is one file and one line, and one that breaks its interface is refused at the start."""

import ast
import json
import re
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
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
from tests.support.feeds import CATALOG, feed_of
from tests.support.manual_clock import ManualClock
from tests.unit.widgets.fakes import (
    MemoryAnnouncements,
    MemoryListenerRecord,
    MemorySnapshots,
    ReadingClient,
)
from tests.unit.widgets.hub import closes_kind
from tests.unit.widgets.hub.closes_kind import ClosesSource
from widgets.data_service import WidgetDataService
from widgets.hub import Hub, HubTiming
from widgets.hub.feeds import (
    KINDS,
    Feed,
    FeedCatalog,
    FeedContext,
    FeedSource,
    FeedStream,
    StoredFeeds,
    UnknownFeedError,
    registry,
)
from widgets.hub.feeds.board import BoardSource
from widgets.hub.feeds.status import StatusSource
from widgets.hub.feeds.stored import stream_parts
from widgets.hub.outbox import Outbox

STORED = StoredFeeds(Keys(), 2)
HERE = Path(__file__)


def closes(price: float, tick: int) -> RowBlock:
    return row_block({"AAPL": {"close": price}}, tick=tick)


async def test_a_further_kind_is_served_when_its_class_is_named() -> None:
    catalog = FeedCatalog((*KINDS, ClosesSource))
    clock, announcements, snapshots = ManualClock(), MemoryAnnouncements(), MemorySnapshots()
    snapshots.shards[shard_of("AAPL", 2)] = closes(1.0, tick=1)
    hub = Hub(
        announcements=announcements,
        snapshots=snapshots,
        listener=MemoryListenerRecord(),
        stored=STORED,
        clock=clock,
        timing=HubTiming(read_seconds=0.02, restart_seconds=0.02),
        catalog=catalog,
    )
    feed, client = catalog.feed("closes:AAPL"), ReadingClient()
    frames: list[dict[str, Any]] = []

    def came(kind: str, *prices: float) -> bool:
        clock.advance(0.25)
        frames.extend(map(json.loads, client.sink.read()))
        of_feed = [frame for frame in frames if frame.get("feed") == feed.name]
        rows = [["AAPL", price] for price in prices]
        return bool(of_feed) and (of_feed[-1]["type"], of_feed[-1]["rows"]) == (kind, rows)

    hub.attach(client.outbox)
    hub.subscribe(client.outbox, feed)
    hub.flush(client.outbox)
    await eventually(lambda: came("snapshot", 1.0), 2.0)
    announcements.announce(STORED.rows_channel("AAPL"), closes(2.0, tick=2))
    await eventually(lambda: came("append", 2.0), 2.0)
    announcements.reconnect()
    await eventually(lambda: came("snapshot", 1.0, 2.0, 1.0), 2.0)
    announcements.fail(LookupError("a defect"))
    await eventually(lambda: came("snapshot", 1.0), 4.0)
    hub.unsubscribe(client.outbox, feed)
    announcements.announce(STORED.rows_channel("AAPL"), closes(3.0, tick=3))
    hub.subscribe(client.outbox, feed_of(TOP_GAINERS))
    hub.flush(client.outbox)
    announcements.announce(Keys().board(TOP_GAINERS), closes(3.0, tick=3))
    await eventually(lambda: came("", 0.0) or any(frame.get("feed") == TOP_GAINERS for frame in frames), 2.0)
    assert sum(frame.get("feed") == feed.name for frame in frames) == 4
    await hub.stop()


def test_what_a_further_kind_hears_is_announced_to_the_hub() -> None:
    class Elsewhere(ClosesSource):
        @classmethod
        def channels(cls, stored: StoredFeeds) -> Sequence[str]:
            return ("news:0", next(iter(stored.shards)))

    channels = FeedCatalog((*KINDS, Elsewhere)).channels(STORED)
    assert set(channels) == {*STORED.boards, *STORED.shards, *stream_parts(STORED), "news:0"}
    assert len(channels) == len(set(channels))


def test_no_kind_is_known_by_name_outside_its_file_and_the_registry() -> None:
    """Neither its class, nor its module, nor one of its feeds."""
    room = Path(str(widgets.__file__)).parent
    files = {room.parent / f"{source.__module__.replace('.', '/')}.py" for source in KINDS}
    assert all(path.is_file() for path in files)
    words = {source.__name__ for source in KINDS} | {f"{path.parent.name}.{path.stem}" for path in files}
    patterns = [rf"\b{re.escape(word)}\b" for word in words]
    feeds = {name.removesuffix("{symbol}") for name in CATALOG.names}
    feeds.discard("status")  # the name of a frame, too
    patterns += [rf"[\"'`]{re.escape(feed)}" for feed in feeds]
    others = {*room.glob("hub/**/*.py"), *room.glob("consumers/*.py"), *room.glob("protocol/*.py")}
    others |= {*room.glob("*.py"), *room.glob("client/src/socket/*.ts")}
    assert len(others) > 40
    strangers = [
        f"{path}: {pattern}"
        for path in others - files - {room / "hub/feeds/registry.py"}
        for pattern in patterns
        if re.search(pattern, code_of(path))
    ]
    assert strangers == []


def code_of(path: Path) -> str:
    """What a file says without its docstrings."""
    if path.suffix != ".py":
        return path.read_text()
    tree = ast.parse(path.read_text())
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


class Open(ClosesSource):
    permission = ""


class Feedless(ClosesSource):
    feeds = MappingProxyType({})


class Listing(ClosesSource):
    feeds = ("closes:{symbol}",)  # type: ignore[assignment] # the fault


class Shapeless(ClosesSource):
    feeds = MappingProxyType({"closes:{symbol}": "close"})  # type: ignore[dict-item] # the fault


class Hasty(ClosesSource):
    tick_hz = 60


class Unfinished(FeedSource):
    kind = "unfinished"
    permission = "quotes"
    feeds = MappingProxyType({"unfinished": ()})

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
        (Nameless, "Nameless has the kind ''; expected: `kind`, the name of the kind"),
        (Open, "Open has the permission ''; expected: `permission`, the permission that a viewer needs"),
        (Feedless, "Feedless has the feeds mappingproxy({}); expected: `feeds`, the names of its feeds"),
        (Listing, "Listing has the feeds ('closes:{symbol}',); expected: `feeds`, the names"),
        (Shapeless, "Shapeless has the feeds mappingproxy({'closes:{symbol}': 'close'}); expected: `feeds`"),
        (Hasty, "Hasty has the tick_hz 60; expected: one of 10, 4, 2, 1, 0.5, 0.2"),
        (Unfinished, "Unfinished lacks `channels`; expected: def channels(stored: "),
        (Stranger, "Stranger is no kind of feed; expected: a subclass of widgets.hub.feeds.source"),
        (Twin, "Twin has the kind 'status', as has "),
    ],
)  # fmt: skip
def test_a_kind_that_breaks_the_interface_is_named_with_its_place_and_what_is_expected(
    broken: type[FeedSource], said: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        FeedCatalog((*KINDS, broken))
    assert str(HERE) in str(refused.value)
    assert said in re.sub(r"(collections\.abc|typing)\.", "", str(refused.value))


def test_a_web_process_does_not_start_with_a_broken_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "KINDS", (*KINDS, Sleepy))
    with pytest.raises(ConfigurationError, match="Sleepy"):
        WidgetDataService(cache_url="redis://127.0.0.1:1/0", keys=Keys(), shard_count=1)


def declared(kind_name: str, *feed_names: str, columns: tuple[str, ...] = ()) -> type[FeedSource]:
    """A kind that declares these feeds."""

    class Declared(ClosesSource):
        kind = kind_name
        feeds = MappingProxyType(dict.fromkeys(feed_names, columns))

    return Declared


@pytest.mark.parametrize(
    ("name", "known", "its_class"),
    [
        ("halts", "halts", "EventSource"),
        ("quote:{symbol}", "quote:{symbol}", "RowSource"),
        ("scanners:{symbol}", TOP_GAINERS, "BoardSource"),
        ("quote:spy", "quote:{symbol}", "RowSource"),
    ],
)
def test_two_kinds_that_claim_one_name_are_both_named(name: str, known: str, its_class: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        FeedCatalog((*KINDS, declared("second", name)))
    said = str(refused.value)
    assert f"Declared claims the feed {name!r}, and " in said
    assert f"{its_class} claims {known!r}; expected: one kind for each name" in said
    assert str(HERE) in said


@pytest.mark.parametrize(
    "name", ["", "News", "news:", "a b", "news:{name}", "{symbol}", "a:b:{symbol}", "news,"]
)
def test_a_name_that_no_feed_can_have_is_refused_with_what_is_expected(name: str) -> None:
    with pytest.raises(
        ConfigurationError, match=r"has the feed .*; expected: lower-case words, as in 'word'"
    ):
        FeedCatalog((*KINDS, declared("second", name)))


def test_a_feed_that_shows_what_the_schema_lacks_is_refused_with_the_columns() -> None:
    columns = ("close", "closing", "session_open_price")
    with pytest.raises(
        ConfigurationError, match="'news' shows closing, session_open_price; expected: columns"
    ):
        FeedCatalog((*KINDS, declared("second", "news", columns=columns)))


def test_a_client_that_asks_for_an_unknown_feed_is_told_of_those_of_a_further_kind() -> None:
    with pytest.raises(UnknownFeedError, match=r"there are scanners:top_gainers, .*closes:\{symbol\}$"):
        FeedCatalog((*KINDS, ClosesSource)).feed("closed:AAPL")


def test_a_feed_of_the_schema_that_no_kind_serves_is_named() -> None:
    without_boards = [source for source in KINDS if source is not BoardSource]
    with pytest.raises(
        ConfigurationError, match=f"no kind of feed serves {TOP_GAINERS}, .*; expected: a kind"
    ):
        FeedCatalog(without_boards)


def test_the_further_kind_needs_nothing_that_knows_another_kind() -> None:
    imported = re.findall(r"^from (widgets\S*) import", Path(closes_kind.__file__).read_text(), re.MULTILINE)
    assert set(imported) == {"widgets.hub.feeds", "widgets.protocol"}
