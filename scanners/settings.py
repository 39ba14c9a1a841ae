"""Settings of processor and scanner. Operators can change the live ones while the processes run."""

from typing import Annotated, Final

from marketdata.runtime.settings import Applies, LogLevelSetting, ServiceSettings, setting

PROCESSOR: Final = "processor"
SCANNER: Final = "scanner"


class ProcessorSettings(ServiceSettings, frozen=True, kw_only=True):
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
            "How many batches of each queue a processor holds before it acknowledges them.",
            unit="batches",
            minimum=1,
            maximum=65_535,
            applies=Applies.RESTART,
        ),
    ] = 500
    show_test_issues: Annotated[
        bool,
        setting(
            "Whether boards and alerts show test issues (ZVZZT, NTEST and others). Their prices mean "
            "nothing. Their quotes are always shown. The scanner follows the processor.",
            applies=Applies.RESTART,
        ),
    ] = False
    log_level: LogLevelSetting = "INFO"


class ScannerSettings(ServiceSettings, frozen=True, kw_only=True):
    """Settings of the scanners, of the leader and of those that stand by."""

    log_level: LogLevelSetting = "INFO"
