"""Operators see the connections that matter most, the totals by user, and how connections ended."""

import pytest

from marketdata.control.connection_search import MOST_FOUND
from tests.support.manual_clock import ManualClock
from tests.unit.widgets.fakes import ReadingClient
from widgets.hub.client_identity import ClientIdentity
from widgets.hub.client_review import REVIEW_SECONDS, ClientReview
from widgets.hub.endings import OTHER_CODE, Endings, ended_by_client, ended_by_server
from widgets.hub.outbox import Outboxes
from widgets.protocol import VERSION_1, VERSION_2_PACKED, CloseCode, ProtocolVersion
from widgets.wire import PreparedFrame


class Clients:
    """Connections of a process, and the review of them."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.outboxes = Outboxes(lambda *_: None, self.clock, lambda: None)
        self.review = ClientReview(self.outboxes, self.clock)

    def add(self, user: str, user_id: int = 1, version: ProtocolVersion = VERSION_2_PACKED) -> ReadingClient:
        client = ReadingClient(version)
        since_ms = self.clock.time_ns() // 10**6
        self.outboxes.add(
            client.outbox, ClientIdentity(user_id, user, since_ms, "203.0.113.7", "token", "a robot")
        )
        return client

    def send(self, client: ReadingClient, size_bytes: int) -> None:
        client.outbox.answer(PreparedFrame(b"x" * size_bytes))
        self.outboxes.flush(client.outbox)

    def block(self, client: ReadingClient) -> None:
        client.sink.pause()
        self.send(client, 1)

    def later(self, seconds: float = REVIEW_SECONDS) -> None:
        self.clock.advance(seconds)
        self.review.look_if_due()


@pytest.fixture
def clients() -> Clients:
    return Clients()


def test_a_connection_is_listed_with_who_has_it_and_what_it_takes(clients: Clients) -> None:
    client = clients.add("ann", 7)
    client.outbox.feeds.update(["quote:AAPL", "scanners:top_gainers {choice}", "status"])
    clients.later()
    clients.send(client, 5_000)
    clients.later()
    (listed,) = clients.review.newest.listed
    assert (listed.user, listed.user_id, listed.address) == ("ann", 7, "203.0.113.7")
    assert (listed.way, listed.token, listed.protocol) == ("token", "a robot", "mdp.v2.msgpack")
    assert listed.feeds == 3
    assert listed.first_feeds == ["quote:AAPL", "scanners:top_gainers", "status"]
    assert listed.bytes_per_second == 1_000
    assert listed.since_ms == clients.clock.time_ns() // 10**6 - 10_000
    assert listed.blocked_since_ms == 0


def test_blocked_connections_come_first_then_slow_ones_then_those_that_take_most(clients: Clients) -> None:
    small, large, slow, blocked, longer = (clients.add(name) for name in "abcde")
    clients.block(longer)
    clients.later(1)
    clients.block(blocked)
    clients.send(small, 10)
    clients.send(large, 1_000)
    slow.outbox.update("quote:AAPL", ())
    slow.outbox.update("quote:AAPL", ())
    clients.later()
    listed = clients.review.newest.listed
    assert [each.user for each in listed] == ["e", "d", "c", "b", "a"]
    assert listed[0].blocked_since_ms == listed[1].blocked_since_ms - 1_000
    assert listed[2].conflated == 1
    assert listed[2].conflated_per_second > 0


def test_a_conflation_counts_since_the_beginning_and_weighs_only_while_it_is_new(clients: Clients) -> None:
    client = clients.add("ann")
    for _ in range(3):
        client.outbox.update("quote:AAPL", ())
    clients.later()
    clients.later()
    (listed,) = clients.review.newest.listed
    assert (listed.conflated, listed.conflated_per_second) == (2, 0.0)


def test_the_lists_are_bounded_and_the_totals_are_of_all(clients: Clients) -> None:
    for number in range(60):
        clients.add(f"user {number % 30}", number % 30)
    for _ in range(40):
        clients.add("many", 99, VERSION_1)
    clients.later()
    newest = clients.review.newest
    assert len(newest.listed) == 20
    assert len(newest.users) == 20
    assert (newest.users[0].user, newest.users[0].connections) == ("many", 40)


def test_nothing_is_looked_at_between_two_passes(clients: Clients) -> None:
    clients.add("ann")
    clients.later()
    newest = clients.review.newest
    clients.add("bob")
    clients.later(REVIEW_SECONDS / 2)
    assert clients.review.newest is newest


def test_a_connection_that_ended_leaves_the_list(clients: Clients) -> None:
    client = clients.add("ann")
    clients.block(client)
    clients.later()
    clients.outboxes.remove(client.outbox)
    clients.later()
    assert clients.review.newest.listed == []
    assert clients.review.newest.users == []


def test_a_search_finds_all_connections_of_one_user_in_any_case(clients: Clients) -> None:
    for _ in range(MOST_FOUND + 1):
        clients.add("Ann", 7)
    clients.add("anne", 8)
    found = clients.review.of_user("aNN")
    assert found.total == MOST_FOUND + 1
    assert len(found.connections) == MOST_FOUND
    assert {each.user_id for each in found.connections} == {7}
    assert clients.review.of_user("nobody").total == 0


def test_version_1_has_a_name_too(clients: Clients) -> None:
    clients.add("ann", version=VERSION_1)
    assert clients.review.of_user("ann").connections[0].protocol == "version 1"


def test_ends_are_counted_by_code_and_forgotten_after_a_quarter_of_an_hour() -> None:
    clock = ManualClock()
    endings = Endings(clock)
    endings.note(ended_by_server(CloseCode.TOO_SLOW))
    clock.advance(10 * 60)
    endings.note(ended_by_client(1006))
    endings.note(ended_by_client(1006))
    assert endings.counts() == {"1006 lost": 2, "4408 too slow": 1}
    clock.advance(6 * 60)
    assert endings.counts() == {"1006 lost": 2}
    clock.advance(10 * 60)
    assert endings.counts() == {}


@pytest.mark.parametrize("code", [0, 999, 3_000, 4_999, 70_000, -1])
def test_codes_that_a_client_invents_are_counted_together(code: int) -> None:
    assert ended_by_client(code) == OTHER_CODE


def test_a_frame_that_breaks_the_protocol_is_an_end_by_the_server() -> None:
    assert ended_by_client(1002) == "1002 protocol error"
