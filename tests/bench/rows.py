"""What a benchmark reports, and how a repeated measurement becomes one figure."""

import gc
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

import msgspec


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    `limit` is what the machine could do at best in the same run (`limit_is` says of what kind), `ratio`
    is value / limit for rates and limit / value for durations, so that nearer to 1 is always better.
    `budget` is what the design asks for, as text; `met` compares the value with it. `note` says what
    the figure does not show by itself, such as what was lost.
    """

    name: str
    value: float
    unit: str
    limit: float | None
    ratio: float | None
    budget: str
    met: bool
    limit_is: str = ""
    note: str = ""


def rate_row(
    name: str,
    value: float,
    limit: float,
    *,
    budget: float,
    least_ratio: float = 0.0,
    limit_is: str,
    unit: str = "events/s",
    note: str = "",
) -> Row:
    """A row whose value should be high: it meets its budget at `budget` and at `least_ratio` of the limit."""
    ratio = value / limit
    asked = f">= {budget:,.0f}" + (f", ratio >= {least_ratio}" if least_ratio else "")
    met = value >= budget and ratio >= least_ratio
    return Row(name, value, unit, limit, ratio, asked, met, limit_is, note)


def duration_row(
    name: str,
    value: float,
    limit: float | None,
    *,
    budget: float,
    limit_is: str,
    unit: str = "ms",
    note: str = "",
) -> Row:
    """A row whose value should be low."""
    ratio = None if limit is None else limit / value
    return Row(name, value, unit, limit, ratio, f"<= {budget:g}", value <= budget, limit_is, note)


def best_rate(work: Callable[[], object], *, items: int, repeats: int = 5) -> float:
    """Items per second of the fastest of some runs: what the code costs, not what else the machine did.

    The garbage collector is off meanwhile, as it nearly is (frozen, high thresholds) in our processes.
    """
    work()
    best = float("inf")
    gc.collect()
    gc.disable()
    try:
        for _ in range(repeats):
            started = time.perf_counter()
            work()
            best = min(best, time.perf_counter() - started)
    finally:
        gc.enable()
    return items / best


def to_json(rows: Iterable[Row]) -> bytes:
    """The rows as `bench.json`: a list of objects."""
    return msgspec.json.format(msgspec.json.encode([asdict(row) for row in rows]), indent=1)


def to_table(rows: Iterable[Row]) -> str:
    """The rows as a Markdown table."""
    lines = [
        "| row | value | unit | limit | ratio | budget | met | note |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        limit = (
            ""
            if row.limit is None
            else f"{row.limit:,.4g} ({row.limit_is})"
            if row.limit < 1000
            else f"{row.limit:,.0f} ({row.limit_is})"
        )
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        value = f"{row.value:,.0f}" if row.value >= 1000 else f"{row.value:,.4g}"
        met = "yes" if row.met else "NO"
        lines.append(
            f"| {row.name} | {value} | {row.unit} | {limit} | {ratio} | {row.budget} | {met} | {row.note} |"
        )
    return "\n".join(lines)
