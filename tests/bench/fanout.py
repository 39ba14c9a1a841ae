"""Rows `fanout`, `fanout_4hz`, `fanout_small`: market data to thousands of clients of one web process."""

from collections.abc import Sequence
from typing import Final

from tests.bench.bare_fanout import bare_p99_ms
from tests.bench.crowd import BROWSERS, PROGRAMS, Crowd, Window, most_clients, running_crowd
from tests.bench.load_client import Group
from tests.bench.producer import FEEDS, QUOTES
from tests.bench.rows import Row
from tests.bench.verdict import Condition, judged

FANOUT_CLIENTS: Final = 10_000
FANOUT_4HZ_CLIENTS: Final = 4_000
SMALL_CLIENTS: Final = 100
SETTLE_SECONDS: Final = 5
FANOUT_SECONDS: Final = 60
SMALL_SECONDS: Final = 20
CLIENT_BUDGET: Final = 0.5
"""Share of a core above which the load client might be what is measured."""
WEB_BUDGET: Final = 0.7
SMALL_WEB_BUDGET: Final = 0.3
DEFLATED_KB_BUDGET: Final = 45
PLAIN_KB_BUDGET: Final = 100
HELD_SHARE: Final = 0.9
"""Of the ticks, those of which each client must have heard. Ticks that fall together are sent as one."""


def fanout() -> Row:
    """10,000 clients on three boards at 1 Hz for a minute."""
    return _boards("fanout", FANOUT_CLIENTS, 1)


def fanout_4hz() -> Row:
    """4,000 clients on the same boards at 4 Hz."""
    return _boards("fanout_4hz", FANOUT_4HZ_CLIENTS, 4)


def fanout_small() -> Row:
    """100,000 frames a second to 100 clients: each has the quotes of 250 symbols at 4 Hz."""
    clients, hz = most_clients(SMALL_CLIENTS), 4
    with running_crowd("quotes", hz) as crowd:
        window = _measured(crowd, clients, [f"quote:{symbol}" for symbol in QUOTES], SMALL_SECONDS)
    frames = sum(group.changes for group in window.groups.values()) / window.seconds
    expected = clients * len(QUOTES) * hz
    return judged(
        "fanout_small",
        worst_p99_ms(window),
        100,
        conditions=[
            *served_conditions(window, clients, SMALL_CLIENTS, len(QUOTES) * hz),
            web_condition(window, SMALL_WEB_BUDGET),
            Condition(frames >= HELD_SHARE * expected, f">= {HELD_SHARE * expected:,.0f} frames/s"),
        ],
        note=f"{frames:,.0f} frames/s; {described(window)}",
    )


def _boards(name: str, wanted: int, hz: int) -> Row:
    clients = most_clients(wanted)
    with running_crowd("boards", hz) as crowd:
        window = _measured(crowd, clients, FEEDS, FANOUT_SECONDS)
    browsers, programs = window.groups[BROWSERS], window.groups[PROGRAMS]
    deflated, plain = kilobytes(browsers, window), kilobytes(programs, window)
    longest = max(group.latencies.max_ms for group in window.groups.values())
    bare = bare_p99_ms(clients, hz, int(1000 * plain / hz))
    return judged(
        name,
        worst_p99_ms(window),
        600,
        limit=bare,
        limit_is="as many bytes by one bare write each",
        conditions=[
            *served_conditions(window, clients, wanted, len(FEEDS) * hz),
            web_condition(window, WEB_BUDGET),
            Condition(longest <= 1500, "longest <= 1,500 ms"),
            Condition(
                window.groups[BROWSERS].deflating == window.groups[BROWSERS].open, "all browsers deflate"
            ),
            Condition(deflated <= DEFLATED_KB_BUDGET, f"deflated <= {DEFLATED_KB_BUDGET} kB/s"),
            Condition(plain <= PLAIN_KB_BUDGET, f"plain <= {PLAIN_KB_BUDGET} kB/s"),
        ],
        note=f"longest {longest:,} ms; browsers {deflated:.0f} kB/s each, programs {plain:.0f}; "
        + described(window),
    )


def _measured(crowd: Crowd, clients: int, feeds: Sequence[str], seconds: float) -> Window:
    """What half as many browsers and programs each see of some feeds."""
    crowd.add_group(BROWSERS, BROWSERS, feeds)
    crowd.add_group(PROGRAMS, PROGRAMS, feeds)
    crowd.connect({BROWSERS: clients // 2, PROGRAMS: clients - clients // 2})
    crowd.measure(SETTLE_SECONDS)
    return crowd.measure(seconds)


def served_conditions(
    window: Window, clients: int, wanted: int, changes_per_second: float
) -> list[Condition]:
    """All clients are there and heard nearly every tick without a fault, and the load client had time."""
    groups = window.groups.values()
    ready = sum(group.ready for group in groups)
    least = min(group.least_changes for group in groups)
    needed = HELD_SHARE * changes_per_second * window.seconds
    faults = sum(group.faults for group in groups)
    first = next((group.first_fault for group in groups if group.first_fault), "")
    share = window.client_share + window.client_softirq_share
    return [
        Condition(clients == wanted, f"{wanted:,} clients (only {clients:,} were possible)"),
        Condition(ready == clients, f"all have their feeds ({ready:,} of {clients:,})"),
        Condition(least >= needed, f">= {needed:,.0f} changes for each (least {least:,})"),
        Condition(not faults, f"no fault ({faults:,}; the first: {first})"),
        Condition(share <= CLIENT_BUDGET, f"load client <= {CLIENT_BUDGET} core ({share:.2f})"),
    ]


def web_condition(window: Window, budget: float) -> Condition:
    """The web process and the softirq of its core are within a share of a core."""
    share = window.web_share + window.web_softirq_share
    return Condition(share <= budget, f"web <= {budget} core ({share:.2f})")


def worst_p99_ms(window: Window) -> float:
    """The p99 of the group that is served worst."""
    return max(group.latencies.p99_ms for group in window.groups.values())


def kilobytes(group: Group, window: Window) -> float:
    """kB a second on the wire for each client of a group."""
    return group.bytes / 1000 / window.seconds / max(1, group.open)


def described(window: Window) -> str:
    """Clients and cost."""
    clients = sum(group.ready for group in window.groups.values())
    web = f"web {window.web_share:.2f} + {window.web_softirq_share:.2f}"
    load = f"load client {window.client_share:.2f} + {window.client_softirq_share:.2f}"
    return f"{clients:,} clients for {window.seconds:.0f} s; share of a core, with softirq: {web}, {load}"
