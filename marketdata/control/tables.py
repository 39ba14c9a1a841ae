"""The overview and the verdict as text for people: plain, aligned, at most 100 columns wide."""

import datetime as dt
from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Final

from marketdata.control.verdict import InstallationVerdict
from marketdata.control.views import JobView, Life, Overview, ProcessView
from marketdata.observability.foreign_text import TextFilter
from marketdata.runtime.connection_report import ConnectionStatus
from marketdata.units import MS_PER_SECOND

WIDTH: Final = 100
MOST_ENDED: Final = 10
"""How many processes that ended or fell silent are listed, the newest first."""

MOST_CONNECTIONS: Final = 10
"""How many connections, and how many users, are listed."""

NOTHING: Final = "-"
_visible: Final = TextFilter()
"""Names that users chose may have characters that steer a terminal."""

RIGHT: Final = frozenset("0123456789")


def as_text(overview: Overview, verdict: InstallationVerdict) -> str:
    """The verdict, the findings, and a table of each part."""
    parts = [
        _verdict(overview, verdict),
        *(_section(title, rows) for title, rows in sections(overview).items()),
        "\n".join(_short(note, WIDTH) for note in notes(overview)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def sections(overview: Overview) -> Mapping[str, Sequence[Sequence[str]]]:
    """The tables by name. The first row of a table has its titles. A table without rows is left out."""
    tables = {
        "processes": _processes(overview),
        "stages": _stages(overview),
        "queues": _queues(overview),
        "shards": _shards(overview),
        "connections that matter most": _connections(overview),
        "users with most connections": _users(overview),
        "jobs": _jobs(overview),
        "set aside": _set_aside(overview),
    }
    return {title: rows for title, rows in tables.items() if len(rows) > 1}


def _verdict(overview: Overview, verdict: InstallationVerdict) -> str:
    lines = wrap(f"{verdict.state.upper()}  {verdict.sentence}", WIDTH)
    for finding in verdict.findings:
        since = f" Since {_instant(finding.since_ms, overview)}." if finding.since_ms else ""
        text = f"{finding.severity}: {finding.sentence}{since} [{finding.rule}]"
        lines += wrap(text, WIDTH, initial_indent="- ", subsequent_indent="  ")
    return "\n".join(lines)


def _section(title: str, rows: Sequence[Sequence[str]]) -> str:
    """A table with a line of titles."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [title.upper()]
    for row in rows:
        cells = [
            cell.rjust(width) if _is_number(cell) else cell.ljust(width)
            for cell, width in zip(row, widths, strict=True)
        ]
        lines.append("  ".join(cells).rstrip()[:WIDTH])
    return "\n".join(lines)


def _is_number(cell: str) -> bool:
    return cell[:1] in RIGHT


def _processes(overview: Overview) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        ("process", "host:pid", "role", "state", "for", "cpu", "MiB", "lag ms", "settings")
    ]
    gone = [view for view in overview.processes if view.life is not Life.RUNNING]
    gone.sort(key=lambda view: -view.since_ms)
    rows += [_process(view, overview) for view in (*overview.running, *gone[:MOST_ENDED])]
    return rows


def _process(view: ProcessView, overview: Overview) -> tuple[str, ...]:
    report = view.report
    runs = view.life is Life.RUNNING
    state = "unready" if runs and report.unready else "paused" if view.is_paused else view.life.value
    return (
        report.name,
        _short(f"{report.host}:{report.pid}", 22),
        _short(_role(view), 14),
        state,
        _span(overview.read_at_ms - view.since_ms),
        f"{report.cpu_share:.1%}" if runs else NOTHING,
        f"{report.memory_bytes / 2**20:,.0f}" if runs else NOTHING,
        f"{report.loop_lag_ms}" if runs else NOTHING,
        _settings(view),
    )


def _role(view: ProcessView) -> str:
    role = view.report.status.role
    return NOTHING if not role else role if view.life is Life.RUNNING else f"was {role}"


def _settings(view: ProcessView) -> str:
    settings = view.report.status.settings
    if settings is None:
        return NOTHING
    if settings.refusal:
        return f"{settings.applied_version} (refuses {settings.refused_version})"
    wants = f" (wanted {view.wanted_version})" if view.wanted_version > settings.applied_version else ""
    return f"{settings.applied_version}{wants}"


def _stages(overview: Overview) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        ("stage", "unit", "in/s", "out/s", "waiting", "unexplained", "not passed on")
    ]
    for each in overview.stages:
        book = each.book
        lost = ", ".join(f"{reason} {count:,}" for reason, count in book.lost.items()) or NOTHING
        rows.append(
            (
                book.name,
                book.unit,
                _rate(each.in_per_second),
                _rate(each.out_per_second),
                f"{book.waiting:,}",
                f"{book.unaccounted:,}",
                lost,
            )
        )
    return rows


def _queues(overview: Overview) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("queue", "oldest", "waiting", "in/s", "out/s", "lost batches")]
    for each in overview.queues:
        lost = ", ".join(f"{reason} {count:,}" for reason, count in each.book.lost.items()) or NOTHING
        rows.append(
            (
                each.queue,
                NOTHING if each.oldest_age_ms is None else f"{each.oldest_age_ms:,} ms",
                f"{each.book.waiting:,}",
                _rate(each.in_per_second),
                _rate(each.out_per_second),
                lost,
            )
        )
    return rows


def _shards(overview: Overview) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("shard", "owner", "for", "hand-overs", "rows", "tick age", "ticks/s")]
    rows += [
        (
            str(each.shard),
            ", ".join(each.owners) or "none",
            _span(overview.read_at_ms - each.owned_since_ms) if each.owned_since_ms else NOTHING,
            str(each.handovers),
            f"{each.rows:,}" if each.owners else NOTHING,
            NOTHING if each.tick_age_ms is None else f"{each.tick_age_ms:,} ms",
            _rate(each.ticks_per_second),
        )
        for each in overview.shards
    ]
    return rows


def _connections(overview: Overview) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        ("user", "address", "way", "protocol", "for", "feeds", "kB/s", "conflated", "blocked")
    ]
    shown = () if overview.clients is None else overview.clients.listed[:MOST_CONNECTIONS]
    rows += [_connection(each.connection, overview.read_at_ms) for each in shown]
    return rows


def _connection(each: ConnectionStatus, now_ms: int) -> tuple[str, ...]:
    way = f"token {each.token}" if each.token else each.way
    return (
        _short(_visible(each.user), 20),
        each.address or NOTHING,
        _short(_visible(way), 20) or NOTHING,
        each.protocol,
        _span(now_ms - each.since_ms),
        str(each.feeds),
        f"{each.bytes_per_second / 1_000:,.1f}",
        f"{each.conflated:,}",
        _span(now_ms - each.blocked_since_ms) if each.blocked_since_ms else NOTHING,
    )


def _users(overview: Overview) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("user", "connections", "feeds", "kB/s", "blocked")]
    shown = () if overview.clients is None else overview.clients.users[:MOST_CONNECTIONS]
    rows += [
        (
            _short(_visible(each.user), 40),
            f"{each.connections:,}",
            f"{each.feeds:,}",
            f"{each.bytes_per_second / 1_000:,.1f}",
            f"{each.blocked:,}",
        )
        for each in shown
    ]
    return rows


def _jobs(overview: Overview) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("job", "last", "outcome", "next", "late")]
    rows += [_job(job, overview) for job in overview.jobs or ()]
    return rows


def _job(job: JobView, overview: Overview) -> tuple[str, ...]:
    outcome = {None: NOTHING, True: "succeeded", False: f"failed {job.failures} times"}[job.succeeded]
    return (
        _short(job.name, 44),
        f"{_span(overview.read_at_ms - job.last_ms)} ago" if job.last_ms else "never",
        outcome,
        f"in {_span(job.next_ms - overview.read_at_ms)}" if job.next_ms > overview.read_at_ms else "due",
        f"{job.late_seconds} s" if job.late_seconds else NOTHING,
    )


def _set_aside(overview: Overview) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("reason", "shard", "age", "bytes", "beginning")]
    rows += [
        (
            each.reason,
            str(each.shard),
            _span(overview.read_at_ms - each.received_ms),
            f"{each.byte_count:,}",
            each.text,
        )
        for each in overview.set_aside
    ]
    return rows


def notes(overview: Overview) -> Sequence[str]:
    """What has no table, a line for each: clients, feed, reference data, software, what was not read."""
    lines = []
    if (clients := overview.clients) is not None:
        states = ", ".join(state.replace("_", " ") for state in clients.data_states)
        rate = "" if clients.bytes_per_second is None else f", {clients.bytes_per_second / 1_000:,.1f} kB/s"
        lines.append(
            f"clients     {clients.connections} connections, {clients.subscriptions} subscriptions, "
            f"{clients.blocked} blocked{rate}; data: {states}"
        )
        if clients.closed:
            ends = "; ".join(f"{name}: {count:,}" for name, count in clients.closed.items())
            lines.append(f"ended       in the last 15 min: {ends}")
    if (feed := overview.feed) is not None:
        session = "" if feed.outlook.session is None else f"; session: {feed.outlook.session}"
        lines.append(f"feed        {feed.state} {feed.reason}".rstrip() + f"; broker: {feed.broker}{session}")
    if (reference := overview.reference) is not None:
        of = f"of {reference.date}" if reference.date else "none"
        missing = f"; missing: {', '.join(reference.missing)}" if reference.missing else ""
        age = f", loaded {_span(overview.read_at_ms - reference.loaded_ms)} ago" if reference.date else ""
        lines.append(f"reference   {of}{age}, {reference.symbols:,} symbols{missing}")
    versions = sorted({view.report.version for view in overview.running})
    if versions:
        lines.append(f"software    {', '.join(versions)}")
    return [*lines, *(f"not read    {source}: {why}" for source, why in overview.unread.items())]


def _instant(epoch_ms: int, overview: Overview) -> str:
    at = dt.datetime.fromtimestamp(epoch_ms / MS_PER_SECOND, dt.UTC)
    return f"{at:%Y-%m-%d %H:%M:%S} UTC ({_span(overview.read_at_ms - epoch_ms)})"


_SPANS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def _span(span_ms: int) -> str:
    """A duration in one unit, such as `3 min`; of less than a second `0 s`."""
    seconds = max(0, span_ms) // MS_PER_SECOND
    for size, unit in _SPANS:
        if seconds >= 2 * size or size == 1:
            return f"{seconds // size} {unit}"
    raise AssertionError("the last unit fits every duration")


def _rate(per_second: float | None) -> str:
    if per_second is None:
        return NOTHING
    return f"{per_second:,.0f}" if per_second >= 10 else f"{per_second:.1f}"


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
