"""Operators see what a purge or a reset will do before they confirm it."""

import msgspec
import pytest

from marketdata.control.given import InvalidSettings
from marketdata.control.queue_books import QueueView
from marketdata.control.views import Overview, ShardView
from marketdata.errors import ConfigurationError
from marketdata.runtime.books import Book
from mdp_site.control_plane.actions.running import prepared
from tests.support.installation import overview, stored

HEALTHY = overview(stored())


def waiting(queue: str, batches: int, oldest_age_ms: int | None) -> QueueView:
    book = Book(name=queue, unit="batches", received=batches, done=0, lost={}, waiting=batches)
    return QueueView(queue=queue, book=book, oldest_age_ms=oldest_age_ms)


def with_queues(*queues: QueueView) -> Overview:
    return msgspec.structs.replace(HEALTHY, queues=queues)


BUSY = with_queues(waiting("trades", 1_200, 3_100), waiting("quotes", 40, 900), waiting("halts", 0, 9_000))


@pytest.mark.parametrize(
    ("queue", "view", "impact"),
    [
        ("all", BUSY, "Purges 1,240 batches, 3.1 s of market."),
        ("quotes", BUSY, "Purges 40 batches, 0.9 s of market."),
        ("halts", BUSY, "No batch waits by the newest reports."),
        ("trades", with_queues(waiting("trades", 1, 100)), "Purges 1 batch, 0.1 s of market."),
        ("unknown", BUSY, "Purges an unknown number of batches."),
    ],
)
def test_a_purge_tells_how_much_market_it_drops(queue: str, view: Overview, impact: str) -> None:
    wish = prepared("purge_queue", {"queue": queue}, view)
    assert wish.impact.startswith(impact)
    assert wish.impact.endswith("The values of the day lack their events.")
    assert wish.service == "processor"
    assert len(wish.expected) == 1


def test_a_purge_tells_which_shards_it_does_not_reach() -> None:
    shards = [
        HEALTHY.shards[0],
        ShardView(shard=1, owners=(), owned_since_ms=0, handovers=1, rows=0, tick_age_ms=None),
    ]
    wish = prepared("purge_queue", {"queue": "all"}, msgspec.structs.replace(BUSY, shards=shards))
    assert wish.impact.endswith("Shards without an owner keep what waits: 1.")
    with pytest.raises(ConfigurationError, match="no processor owns a shard"):
        prepared("purge_queue", {"queue": "all"}, msgspec.structs.replace(BUSY, shards=shards[1:]))


def test_a_reset_tells_who_gets_the_board_again() -> None:
    connections = HEALTHY.clients.connections if HEALTHY.clients else None
    wish = prepared("reset_board", {"board": "scanners:top_volume"}, HEALTHY)
    assert wish.impact == (
        "Begins 1 board anew from the stored rows of all shards. "
        f"Those of {connections:,} connections that show it get all its rows again."
    )
    assert wish.service == "scanner"
    assert prepared("reset_board", {"board": "all"}, HEALTHY).impact.startswith("Begins 7 boards anew")
    nobody = msgspec.structs.replace(HEALTHY, processes=())
    with pytest.raises(ConfigurationError, match="no scanner leads"):
        prepared("reset_board", {"board": "all"}, nobody)


@pytest.mark.parametrize(
    ("action", "values", "accepted"),
    [
        ("purge_queue", {"queue": "trade"}, "one of all, aggregate, trades, quotes, halts, unknown"),
        ("purge_queue", {}, "one of all, aggregate"),
        ("reset_board", {"board": "top_volume"}, "one of all, scanners:top_gainers"),
    ],
)
def test_an_unknown_name_is_refused_with_those_that_are_known(
    action: str, values: dict[str, object], accepted: str
) -> None:
    with pytest.raises(InvalidSettings) as refused:
        prepared(action, values, HEALTHY)
    assert accepted in str(list(refused.value.errors.values()))


@pytest.mark.parametrize(
    ("action", "values"),
    [
        ("purge_queue", {"queue": "all"}),
        ("reset_board", {"board": "all"}),
        ("resync_clients", {}),
        ("restart", {"service": "scanner", "process": "host1:7:1"}),
    ],
)
def test_nothing_is_said_of_processes_while_the_cache_is_away(action: str, values: dict[str, object]) -> None:
    unread = Overview(read_at_ms=0, unread={"cache": "no answer within 3 s"})
    with pytest.raises(ConfigurationError) as raised:
        prepared(action, values, unread)
    assert str(raised.value) == (
        "the cache cannot be read (no answer within 3 s), so it is unknown what runs; "
        "repeat it when the cache is back"
    )
