"""What waits for a connection: order, conflation, bounds, and what a client is told of it."""

import json
from collections.abc import Callable

import pytest

from tests.unit.widgets.fakes import ReadingClient
from widgets.data_state import DataState
from widgets.hub.outbox import LARGEST_BATCH_BYTES, MOST_ANSWERS, Outbox, SentCounts, StatusFrames
from widgets.protocol import VERSION_2, ProtocolVersion, Status
from widgets.wire import PreparedFrame

LIVE = Status(state=DataState.LIVE, age_ms=5, detail="")
STALE = Status(state=DataState.STALE, age_ms=9_000, detail="")


@pytest.fixture
def client() -> ReadingClient:
    return ReadingClient()


def snapshot_of(feed: str, _version: ProtocolVersion) -> PreparedFrame | None:
    return PreparedFrame(f"snapshot of {feed}")


def drain(
    outbox: Outbox, render: Callable[[str, ProtocolVersion], PreparedFrame | None] = snapshot_of
) -> list[str | bytes]:
    """The payloads of all batches; of a status only its state."""
    payloads: list[str | bytes] = []
    while batch := outbox.take(render, SentCounts()):
        payloads += [frame.payload for frame in batch]
    return payloads


def update(text: str) -> tuple[PreparedFrame, ...]:
    return (PreparedFrame(text),)


def test_answers_go_first_and_in_order_then_the_status_then_feeds(client: ReadingClient) -> None:
    outbox = client.outbox
    outbox.update("a", update("delta of a"))
    outbox.status(StatusFrames(LIVE))
    outbox.answer(PreparedFrame("one"))
    outbox.answer(PreparedFrame("two"))
    first, second, status, last = drain(outbox)
    assert (first, second, last) == ("one", "two", "delta of a")
    assert json.loads(status)["state"] == "live"
    assert len(outbox) == 0


def test_an_update_behind_a_waiting_frame_becomes_a_fresh_snapshot(client: ReadingClient) -> None:
    outbox = client.outbox
    conflated = [outbox.update("a", update(text)) for text in ("first", "second", "third")]
    assert len(outbox) == 1
    assert drain(outbox) == ["snapshot of a"]
    assert conflated == [False, True, True]


def test_a_feed_that_could_be_sent_gets_its_update(client: ReadingClient) -> None:
    outbox = client.outbox
    for number in range(3):
        outbox.update("a", update(f"delta {number}"))
        assert drain(outbox) == [f"delta {number}"]


def test_several_frames_of_one_update_stay_together(client: ReadingClient) -> None:
    client.outbox.update("a", (PreparedFrame("one"), PreparedFrame("two")))
    client.outbox.update("b", update("other"))
    assert drain(client.outbox) == ["one", "two", "other"]


def test_an_update_during_the_wait_for_a_snapshot_is_in_the_snapshot(client: ReadingClient) -> None:
    outbox, state = client.outbox, {"a": PreparedFrame("state 1")}
    outbox.snapshot("a")
    state["a"] = PreparedFrame("state 2")
    outbox.update("a", update("from 1 to 2"))
    assert drain(outbox, lambda feed, _version: state.get(feed)) == ["state 2"]


def test_an_update_after_a_snapshot_was_taken_follows_it(client: ReadingClient) -> None:
    outbox = client.outbox
    outbox.snapshot("a")
    assert drain(outbox) == ["snapshot of a"]
    outbox.update("a", update("from 1 to 2"))
    assert drain(outbox) == ["from 1 to 2"]


def test_a_busy_feed_does_not_keep_a_quiet_one_waiting(client: ReadingClient) -> None:
    outbox, large = client.outbox, "x" * LARGEST_BATCH_BYTES
    outbox.update("busy", update(large))
    outbox.update("quiet", update("1"))
    outbox.update("busy", update("2"))
    assert [frame.payload for frame in outbox.take(lambda *_: PreparedFrame(large), SentCounts())] == [large]
    outbox.update("busy", update("3"))
    assert drain(outbox) == ["1", "3"]


def test_a_batch_ends_with_the_frame_that_reaches_its_bound(client: ReadingClient) -> None:
    large = "x" * (LARGEST_BATCH_BYTES // 2)
    for number in range(5):
        client.outbox.update(f"{number}", update(large))
    assert [len(client.outbox.take(snapshot_of, SentCounts())) for _ in range(4)] == [2, 2, 1, 0]


def test_a_feed_without_data_is_passed_over(client: ReadingClient) -> None:
    client.outbox.snapshot("empty")
    client.outbox.update("a", update("delta of a"))
    assert drain(client.outbox, lambda _feed, _version: None) == ["delta of a"]


def test_of_the_status_only_the_newest_waits(client: ReadingClient) -> None:
    client.outbox.status(StatusFrames(STALE))
    client.outbox.status(StatusFrames(LIVE))
    assert [json.loads(text)["state"] for text in drain(client.outbox)] == ["live"]


def test_a_status_tells_what_was_conflated_since_the_last_one_that_was_taken(client: ReadingClient) -> None:
    outbox = client.outbox
    outbox.status(StatusFrames(LIVE))
    for feed in ("a", "a", "a", "b", "b"):
        outbox.update(feed, update(feed))
    outbox.status(StatusFrames(LIVE))  # it replaces the first, which told nothing
    outbox.snapshot("b")
    status, *_ = drain(outbox)
    assert json.loads(status)["conflated"] == 4
    outbox.status(StatusFrames(LIVE))
    assert [json.loads(text)["conflated"] for text in drain(outbox)] == [0]


def test_clients_with_the_same_conflation_share_the_frame_of_a_status() -> None:
    frames = StatusFrames(LIVE)
    assert frames.frame(VERSION_2, 0) is frames.frame(VERSION_2, 0)
    assert frames.frame(VERSION_2, 3) is not frames.frame(VERSION_2, 0)


def test_a_discarded_feed_is_not_sent(client: ReadingClient) -> None:
    client.outbox.update("a", update("delta of a"))
    client.outbox.discard("a")
    client.outbox.discard("never asked for")
    assert drain(client.outbox) == []


def test_what_was_taken_is_counted_by_kind(client: ReadingClient) -> None:
    outbox, counts = client.outbox, SentCounts()
    outbox.answer(PreparedFrame("pong"))
    outbox.status(StatusFrames(LIVE))
    outbox.snapshot("a")
    outbox.update("b", (PreparedFrame("1"), PreparedFrame("2")))
    taken = outbox.take(snapshot_of, counts)
    size = sum(len(frame.payload) for frame in taken)
    assert counts == SentCounts(answers=1, statuses=1, snapshots=1, deltas=2, payload_bytes=size, feeds=2)


def test_a_client_that_leaves_its_answers_unread_is_given_up_once_and_costs_nothing_more(
    client: ReadingClient,
) -> None:
    outbox = client.outbox
    for number in range(MOST_ANSWERS):
        outbox.answer(PreparedFrame(str(number)))
    assert (client.given_up, len(outbox)) == (0, MOST_ANSWERS)
    outbox.answer(PreparedFrame("one too many"))
    for _ in range(3):
        outbox.answer(PreparedFrame("more"))
        outbox.status(StatusFrames(LIVE))
        outbox.update("a", update("delta"))
        outbox.snapshot("b")
    assert (client.given_up, len(outbox)) == (1, 0)
