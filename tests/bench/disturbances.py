"""Rows `stalled`, `hostile`, `overload`, `shutdown`: what goes wrong must not reach the other clients."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench.crowd import BROWSERS, PROGRAMS, Crowd, most_clients, running_crowd
from tests.bench.fanout import CLIENT_BUDGET, HELD_SHARE, SETTLE_SECONDS
from tests.bench.load_client import Group
from tests.bench.producer import FEEDS
from tests.bench.rows import Row
from tests.bench.verdict import Condition, judged

CLIENTS: Final = 10_000
BAD_SHARE: Final = 0.1
FLOODERS: Final = 20
STALLED: Final = "stalled"
SLOW: Final = "slow"
FLOODING: Final = "flooding"
OTHERS: Final = (BROWSERS, PROGRAMS)
STALL_SECONDS: Final = 30
"""After which a client that cannot be written to is cut off."""
CUT_WITHIN_SECONDS: Final = 5
LONGEST_STALL_SECONDS: Final = 60
KERNEL_KB_BUDGET: Final = 300
PAUSE_SECONDS: Final = 5
WATCHED_SECONDS: Final = 20
PAGE_BYTES: Final = 4_096
ESTABLISHED: Final = "01"
"""State of a connection in /proc/net/tcp."""
AFTERWARDS_SECONDS: Final = 10
STOP_SECONDS: Final = 10
SAMPLE_SECONDS: Final = 0.5
FULL_SHARE: Final = 0.9
"""Of the most that the kernel held. From then on, it takes no more for clients that do not read."""


def stalled() -> Row:
    """1,000 of 10,000 clients read nothing: p99 of the others, the kernel's memory, the end of the 1,000."""
    clients = most_clients(CLIENTS)
    bad = int(clients * BAD_SHARE)
    with running_crowd("boards", 1) as crowd:
        _fill(crowd, clients - bad, {})
        held, others = kernel_bytes(), connections_of(crowd.site.port)
        crowd.client.begin_window()
        began = time.monotonic()
        # They never read, so their kernel buffers stay as small as at the start. Buffers that have grown
        # would hold more, in the memory of the clients' machine.
        crowd.add_group(STALLED, BROWSERS, FEEDS, reads=False)
        came, _seconds = crowd.connect({STALLED: bad})
        course = _until_cut(crowd, others, held)
        groups, seconds = crowd.client.report().groups, time.monotonic() - began
    stalling = came.groups[STALLED].open
    kernel_kb = course.most_bytes / 1000 / max(1, bad)
    latest = course.full_after_seconds + STALL_SECONDS + CUT_WITHIN_SECONDS
    return judged(
        "stalled",
        _p99_ms(groups),
        1000,
        conditions=[
            *_undisturbed(groups, clients, clients - bad, seconds),
            Condition(stalling == bad, f"all {bad:,} came ({stalling:,})"),
            Condition(
                kernel_kb <= KERNEL_KB_BUDGET, f"kernel <= {KERNEL_KB_BUDGET} kB each ({kernel_kb:.0f})"
            ),
            Condition(
                course.cut_after_seconds <= latest,
                f"{bad:,} cut off after <= {latest:.0f} s (after {course.cut_after_seconds:.0f} s)",
            ),
        ],
        note=f"{bad:,} of {clients:,} read nothing; {kernel_kb:.0f} kB each in the kernel after "
        f"{course.full_after_seconds:.0f} s; all cut off after {course.cut_after_seconds:.0f} s",
    )


def hostile() -> Row:
    """10 % of the clients read a byte a second, and some flood: the p99 of the others."""
    clients = most_clients(CLIENTS)
    slow, flooding = int(clients * BAD_SHARE), min(FLOODERS, clients // 10)
    with running_crowd("boards", 1) as crowd:
        for name in (SLOW, FLOODING):
            crowd.add_group(name, BROWSERS, FEEDS)
        _fill(crowd, clients, {SLOW: slow, FLOODING: flooding})
        crowd.client.behave(SLOW, "trickle")
        crowd.client.behave(FLOODING, "flood")
        window = crowd.measure(WATCHED_SECONDS)
    groups = window.groups
    share = window.client_share + window.client_softirq_share
    return judged(
        "hostile",
        _p99_ms(groups),
        1000,
        conditions=[
            *_undisturbed(groups, clients, clients - slow - flooding, window.seconds),
            Condition(groups[FLOODING].open == 0, f"flooders are cut off ({groups[FLOODING].open} are not)"),
            Condition(share <= CLIENT_BUDGET, f"load client <= {CLIENT_BUDGET} core ({share:.2f})"),
        ],
        note=f"{slow:,} of {clients:,} read a byte a second, {flooding} send without pause; closed with "
        f"{dict(groups[FLOODING].closes)}",
    )


def overload() -> Row:
    """The web process stands still for 5 s: seconds until what it sends is fresh again."""
    clients = most_clients(CLIENTS)
    with running_crowd("boards", 1) as crowd:
        _fill(crowd, clients, {})
        with crowd.stopped():
            time.sleep(PAUSE_SECONDS)
        recovery_seconds, oldest_ms = _recovery(crowd)
        after = crowd.measure(AFTERWARDS_SECONDS)
    groups = after.groups
    allowed_ms = 1000 * (PAUSE_SECONDS + 3)
    return judged(
        "overload",
        recovery_seconds,
        3,
        unit="s",
        conditions=[
            *_undisturbed(groups, clients, clients, after.seconds),
            Condition(
                oldest_ms <= allowed_ms, f"nothing older than {allowed_ms:,} ms is sent ({oldest_ms:,})"
            ),
        ],
        note=f"{clients:,} clients; stopped for {PAUSE_SECONDS} s; oldest {oldest_ms:,} ms",
    )


def _recovery(crowd: Crowd) -> tuple[float, float]:
    """Seconds until all that is sent is younger than a second and stays so, and the greatest age in ms.

    Infinite if that did not happen. A time in which nothing is sent is not fresh.
    """
    started, fresh_at, oldest_ms = time.monotonic(), float("inf"), 0
    while time.monotonic() < started + WATCHED_SECONDS:
        groups = crowd.measure(0.5).groups
        longest_ms = max(groups[name].latencies.max_ms for name in OTHERS)
        oldest_ms = max(oldest_ms, longest_ms)
        if longest_ms >= 1000:
            fresh_at = float("inf")
        elif all(groups[name].changes for name in OTHERS):
            fresh_at = min(fresh_at, time.monotonic())
    return fresh_at - started, oldest_ms


def shutdown() -> Row:
    """SIGTERM with 10,000 clients: seconds until the process has ended, and all clients know why."""
    clients = most_clients(CLIENTS)
    with running_crowd("boards", 1) as crowd:
        _fill(crowd, clients, {})
        started = time.monotonic()
        code = crowd.site.end()
        seconds = time.monotonic() - started
        groups = crowd.client.report().groups
    told = sum(group.closes.get(1012, 0) for group in groups.values())
    return judged(
        "shutdown",
        seconds,
        STOP_SECONDS,
        unit="s",
        conditions=[
            Condition(clients == CLIENTS, f"{CLIENTS:,} clients"),
            Condition(told == clients, f"all closed with 1012 ({told:,} of {clients:,})"),
            Condition(code == 0, f"exit code 0 ({code})"),
        ],
        note=f"{clients:,} clients",
    )


@dataclass(frozen=True, slots=True)
class _Course:
    """Clients that do not read: memory of the kernel, when it was full, and when all were cut off."""

    most_bytes: int
    full_after_seconds: float
    cut_after_seconds: float


def _until_cut(crowd: Crowd, others: int, held: int) -> _Course:
    """Watch the kernel's memory until the web process has only its former connections.

    A client that does not read would not hear of its end.
    """
    started = time.monotonic()
    history: list[tuple[float, int]] = []
    while True:
        seconds = time.monotonic() - started
        history.append((seconds, kernel_bytes() - held))
        if connections_of(crowd.site.port) <= others or seconds > LONGEST_STALL_SECONDS:
            break
        time.sleep(SAMPLE_SECONDS)
    most, full = plateau(history)
    cut_after = seconds if seconds <= LONGEST_STALL_SECONDS else float("inf")
    return _Course(most, full, cut_after)


def plateau(history: Sequence[tuple[float, int]]) -> tuple[int, float]:
    """The most bytes that stayed in the kernel, and after how many seconds it held nearly as much.

    `history` has samples: (seconds, bytes). The frames of a tick are in the kernel for a moment, also for
    clients that read. So the least of three samples counts: together they are longer than a walk.
    """
    held = [
        (at, min(size for _at, size in history[max(0, i - 2) : i + 1])) for i, (at, _) in enumerate(history)
    ]
    most = max(size for _at, size in held)
    return most, next(at for at, size in held if size >= FULL_SHARE * most)


def connections_of(port: int) -> int:
    """Established connections of a server on a port, by the kernel's own list."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return sum(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == ESTABLISHED for line in lines)


def kernel_bytes() -> int:
    """What all TCP sockets of the machine hold in the kernel, by its own count of pages."""
    for line in Path("/proc/net/sockstat").read_text().splitlines():
        if line.startswith("TCP:"):
            words = line.split()
            return int(words[words.index("mem") + 1]) * PAGE_BYTES
    raise AssertionError("/proc/net/sockstat does not count TCP")


def _fill(crowd: Crowd, clients: int, bad: Mapping[str, int]) -> None:
    """Connect the clients, of which some will be bad, and let the load settle."""
    good = clients - sum(bad.values())
    for name in OTHERS:
        crowd.add_group(name, name, FEEDS)
    crowd.connect({BROWSERS: good // 2, PROGRAMS: good - good // 2, **bad})
    crowd.measure(SETTLE_SECONDS)


def _p99_ms(groups: Mapping[str, Group]) -> float:
    return max(groups[name].latencies.p99_ms for name in OTHERS)


def _undisturbed(groups: Mapping[str, Group], clients: int, good: int, seconds: float) -> list[Condition]:
    """All good clients are there, heard nearly every tick of the window, and none of them has a fault."""
    least = min(groups[name].least_changes for name in OTHERS)
    needed = HELD_SHARE * len(FEEDS) * (seconds - 1)
    ready = sum(groups[name].ready for name in OTHERS)
    faults = sum(groups[name].faults for name in OTHERS)
    first = next((groups[name].first_fault for name in OTHERS if groups[name].first_fault), "")
    return [
        Condition(clients == CLIENTS, f"{CLIENTS:,} clients (only {clients:,} were possible)"),
        Condition(least >= needed, f">= {needed:.0f} changes for each of the others (least {least})"),
        Condition(ready == good, f"the others have their feeds ({ready:,} of {good:,})"),
        Condition(not faults, f"no fault of the others ({faults:,}; the first: {first})"),
    ]
