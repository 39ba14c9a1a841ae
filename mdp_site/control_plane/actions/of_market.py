"""The actions that processors and scanners carry out."""

from collections.abc import Collection, Sequence
from typing import Annotated, Final

from marketdata.control.arguments import Arguments
from marketdata.control.queue_books import QueueView
from marketdata.control.views import Overview
from marketdata.errors import ConfigurationError
from marketdata.runtime.report import LEADER
from marketdata.runtime.role_settings import PROCESSOR, SCANNER
from marketdata.runtime.settings import setting
from marketdata.units import MS_PER_SECOND
from mdp_site.control_plane.actions.declared import Action, ByProcesses
from mdp_site.control_plane.actions.in_words import connections, counted
from scanners.instructions import ALL, BOARDS, PURGE_QUEUE, QUEUES, RESET_BOARD


class OfPurge(Arguments, frozen=True, kw_only=True):
    """A queue, over all shards."""

    queue: Annotated[str, setting("The queue, or all of them.", variable=None, choices=QUEUES)]


class OfReset(Arguments, frozen=True, kw_only=True):
    """A board."""

    board: Annotated[str, setting("The board, or all of them.", variable=None, choices=BOARDS)]


def _impact_of_purge(arguments: OfPurge, overview: Overview) -> str:
    if not any(shard.owners for shard in overview.shards):
        raise ConfigurationError(
            "no processor owns a shard, so none can purge a queue; start the processors. Batches without a "
            "reader expire by themselves"
        )
    queues = [view for view in overview.queues if arguments.queue in (ALL, view.queue)]
    ownerless = [str(shard.shard) for shard in overview.shards if not shard.owners]
    stays = f" Shards without an owner keep what waits: {', '.join(ownerless)}." if ownerless else ""
    return f"{_purged(queues)} The values of the day lack their events.{stays}"


def _purged(queues: Sequence[QueueView]) -> str:
    if not queues:
        return "Purges an unknown number of batches."
    waiting = sum(view.book.waiting for view in queues)
    if not waiting:
        return "No batch waits by the newest reports. Purges what waits when the processors do it."
    age_ms = max((view.oldest_age_ms or 0 for view in queues if view.book.waiting), default=0)
    return f"Purges {counted(waiting, 'batch')}, {age_ms / MS_PER_SECOND:.1f} s of market."


def _impact_of_reset(arguments: OfReset, overview: Overview) -> str:
    scanners = [view.report for view in overview.running if view.report.service == SCANNER]
    if not any(report.status.role == LEADER for report in scanners):
        raise ConfigurationError("no scanner leads, so none can reset a board; start the scanners")
    return (
        f"Begins {counted(len(_boards(arguments)), 'board')} anew from the stored rows of all shards. "
        f"Those of {connections(overview)} that show it get all its rows again."
    )


def _boards(arguments: OfReset) -> Collection[str]:
    return BOARDS[1:] if arguments.board == ALL else (arguments.board,)


ACTIONS: Final = (
    Action(
        name=PURGE_QUEUE,
        label="Purge a queue",
        explanation="Drop what waits in a queue. Processors go on with what arrives next.",
        arguments=OfPurge,
        service=lambda _: PROCESSOR,
        impact=_impact_of_purge,
        work=ByProcesses(),
    ),
    Action(
        name=RESET_BOARD,
        label="Reset a board",
        explanation="Forget a board, read the rows of all shards again, and send the whole board to clients.",
        arguments=OfReset,
        service=lambda _: SCANNER,
        impact=_impact_of_reset,
        work=ByProcesses(),
    ),
)
