"""A progress bar for people: on a terminal only, so that logs and pipes stay clean."""

import contextlib
from collections.abc import Callable, Iterator
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


@contextlib.contextmanager
def progress_bar(
    what: str, total: int | None, *, unit: str, stream: TextIO
) -> Iterator[Callable[[int], None]]:
    """A call that moves the bar on by so many units; `total` None means that there is no end.

    Side effects: a bar on `stream`, redrawn a few times a second from a thread, if that is a terminal.
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
