"""A progress bar, on a terminal only: logs and pipes stay clean."""

import contextlib
from collections.abc import Callable, Iterator
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


@contextlib.contextmanager
def progress_bar(
    what: str, total: int | None, *, unit: str, stream: TextIO
) -> Iterator[Callable[[int], None]]:
    """A function that advances the bar by a number of units; `total` None means that the end is unknown.

    Side effects: if `stream` is a terminal, a thread draws the bar there a few times a second.
    """
    if not stream.isatty():
        yield _nothing
        return
    columns = (
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(file=stream), refresh_per_second=4) as progress:
        task = progress.add_task(what, total=total)
        yield lambda amount: progress.advance(task, amount)


def _nothing(_amount: int) -> None:
    """Without a terminal there is no bar."""
