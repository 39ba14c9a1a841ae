"""The clients of all web processes together: who matters most, users, ends, and people in one place only."""

import msgspec

from marketdata.control.tables import as_text
from marketdata.control.verdict import judge
from marketdata.control.views import Overview
from marketdata.runtime.connection_report import ConnectionStatus, UserStatus
from marketdata.runtime.report import ClientsStatus, ProcessReport
from tests.support.installation import NOW_MS, healthy_processes, overview, replaced, stored, with_status


def connection(user: str, **changes: object) -> ConnectionStatus:
    usual = ConnectionStatus(user_id=7, user=user, since_ms=NOW_MS - 60_000, way="session", protocol="mdp.v2")
    return msgspec.structs.replace(usual, **changes)


def web(pid: int, clients: ClientsStatus, **changes: object) -> ProcessReport:
    of = with_status(healthy_processes()["web"], clients=clients)
    return replaced(of, pid=pid, identity=f"web {pid}", **changes)


def overview_of(*reports: ProcessReport) -> Overview:
    return overview(stored([*healthy_processes().values(), *reports]))


def test_the_lists_of_all_processes_are_one_list_by_weight() -> None:
    slow = connection("slow", conflated_per_second=2.0)
    blocked = connection("blocked", blocked_since_ms=NOW_MS - 5_000)
    view = overview_of(
        web(10, ClientsStatus(connections=2, listed=[slow, connection("quiet")])),
        web(11, ClientsStatus(connections=1, listed=[blocked])),
    )
    assert view.clients is not None
    assert [(each.process, each.connection.user) for each in view.clients.listed] == [
        ("vm:11", "blocked"),
        ("vm:10", "slow"),
        ("vm:10", "quiet"),
    ]


def test_instants_are_of_the_clock_of_the_cache() -> None:
    ahead = web(
        10,
        ClientsStatus(listed=[connection("ann", since_ms=NOW_MS, blocked_since_ms=NOW_MS + 1_000)]),
        reported_at_ms=NOW_MS + 60_000,
    )
    records = stored([ahead], seen_ms={"web": NOW_MS})
    clients = overview(records).clients
    assert clients is not None
    (listed,) = clients.listed
    assert listed.connection.since_ms == NOW_MS - 60_000
    assert listed.connection.blocked_since_ms == NOW_MS - 59_000


def test_a_user_with_connections_in_two_processes_is_named_once() -> None:
    here = UserStatus(user_id=7, user="ann", connections=2, feeds=4, bytes_per_second=10)
    there = UserStatus(user_id=7, user="ann", connections=3, feeds=1, blocked=1, bytes_per_second=5)
    other = UserStatus(user_id=8, user="bob", connections=4)
    view = overview_of(web(10, ClientsStatus(users=[here, other])), web(11, ClientsStatus(users=[there])))
    assert view.clients is not None
    assert view.clients.users == [
        UserStatus(user_id=7, user="ann", connections=5, feeds=5, blocked=1, bytes_per_second=15),
        other,
    ]


def test_ends_are_added_up() -> None:
    view = overview_of(
        web(10, ClientsStatus(closed={"1006 lost": 1})), web(11, ClientsStatus(closed={"1006 lost": 2}))
    )
    assert view.clients is not None
    assert view.clients.closed == {"1006 lost": 3}


def test_people_are_not_repeated_in_processes_and_not_kept_of_those_that_are_gone() -> None:
    people = ClientsStatus(
        connections=1, listed=[connection("ann")], users=[UserStatus(user_id=7, user="ann")]
    )
    gone = web(11, people, ended_at_ms=NOW_MS)
    view = overview_of(web(10, people), gone)
    text = msgspec.json.encode(view).decode()
    assert text.count('"ann"') == 2  # the connection, and the user
    assert view.clients is not None
    assert [each.process for each in view.clients.listed] == ["vm:10"]


def test_the_terminal_has_the_connections_and_no_character_that_steers_it() -> None:
    hostile = connection("ann\x1b[2J", way="token", token="my\x1b]0;robot", address="203.0.113.7")
    view = overview_of(web(10, ClientsStatus(listed=[hostile], closed={"4408 too slow": 3})))
    text = as_text(view, judge(view))
    assert "\x1b" not in text
    assert "203.0.113.7" in text
    assert "4408 too slow: 3" in text
