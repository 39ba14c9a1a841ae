"""Settings of processor and scanner. Operators can change the live ones while the processes run."""

from typing import Annotated, Final

from marketdata.observability.tracing import DEFAULT_SAMPLING_RATIO
from marketdata.runtime.role_settings import SharedRoleSettings, TraceSamplingSetting
from marketdata.runtime.settings import Applies, LogLevelSetting, one_of, setting
from marketdata.schema.boards import ALL_BOARDS
from marketdata.transport.queues import LONGEST_TTL_MS

MOST_WORKERS: Final = 256
ANALYZERS: Final = ("leaderboard", "daily_range", "trades", "quotes", "halts")
STREAMS: Final = ("daily_range_high", "daily_range_low", "halts")
"""The names of all analyzers and streams. They are stated here once more, because the web processes and the
command that writes the schema load no analyzer. A test compares them with the declarations."""


class ProcessorSettings(SharedRoleSettings, frozen=True, kw_only=True):
    """Settings of the processors. Every processor process applies the same values."""

    longest_publish_interval_ms: Annotated[
        int,
        setting(
            "The longest time between two publications of a shard's changed rows. While they cost little, it "
            "is 50 ms.",
            unit="ms",
            minimum=50,
            maximum=10_000,
        ),
    ] = 250
    prefetch_count: Annotated[
        int,
        setting(
            "How many batches of each queue a processor holds before it acknowledges them. After a change it "
            "gives its shards back for a moment, and subscribes anew.",
            unit="batches",
            minimum=1,
            maximum=65_535,
        ),
    ] = 500
    message_life_ms: Annotated[
        int,
        setting(
            "Batches that are older when they arrive are dropped, and counted as expired. What is older than "
            "MARKET_DATA_MESSAGE_TTL is dropped in any case.",
            unit="ms",
            minimum=1_000,
            maximum=LONGEST_TTL_MS,
        ),
    ] = LONGEST_TTL_MS
    parallelism: Annotated[
        int,
        setting(
            "Worker processes of run_processor (its --workers). They share the MDQ_SHARDS shards evenly, and "
            "replace each other. Those beyond the number of shards only stand by. Their health ports follow "
            "the command's own. Which shards a worker prefers depends on the number, so all start anew.",
            minimum=1,
            maximum=MOST_WORKERS,
            applies=Applies.RESTART,
        ),
    ] = 1
    show_test_issues: Annotated[
        bool,
        setting(
            "Whether boards and alerts show test issues (ZVZZT, NTEST and others). Their prices mean "
            "nothing. Their quotes are always shown. The scanner follows the processor.",
            applies=Applies.RESTART,
        ),
    ] = False
    analyzers_off: Annotated[
        tuple[Annotated[str, one_of(ANALYZERS)], ...],
        setting(
            "Analyzers that are switched off. Their columns are absent and told as off. An analyzer that is "
            "switched on again begins anew: columns that need a longer past are told as partial until then.",
        ),
    ] = ()
    streams_off: Annotated[
        tuple[Annotated[str, one_of(STREAMS)], ...],
        setting("Streams of alerts that are switched off: they get no new entries, and are told as off."),
    ] = ()
    trace_sampling: TraceSamplingSetting = DEFAULT_SAMPLING_RATIO
    log_level: LogLevelSetting = "INFO"


class ScannerSettings(SharedRoleSettings, frozen=True, kw_only=True):
    """Settings of the scanners, of the leader and of those that stand by."""

    boards_off: Annotated[
        tuple[Annotated[str, one_of(ALL_BOARDS)], ...],
        setting("Boards that are switched off: they are empty, and told as off."),
    ] = ()
    board_size: Annotated[
        int,
        setting("The greatest number of symbols on a board.", unit="symbols", minimum=10, maximum=500),
    ] = 500
    ranking_interval_ms: Annotated[
        int,
        setting(
            "The shortest time between two rankings of the boards. Shards may tick more often, for rows and "
            "alerts; no eye follows such a board.",
            unit="ms",
            minimum=250,
            maximum=2_000,
        ),
    ] = 250
    log_level: LogLevelSetting = "INFO"
