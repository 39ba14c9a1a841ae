"""The settings of this room that processes take over while they run."""

from typing import Annotated

from marketdata.runtime.settings import LogLevelSetting, ServiceSettings, setting

PROCESSOR = "processor"


class ProcessorSettings(ServiceSettings, frozen=True, kw_only=True):
    """Of every processor. All processes of the platform's processors take them over alike."""

    publish_interval_ms: Annotated[
        int,
        setting(
            "How often a shard publishes its changed rows.",
            variable="PUBLISH_INTERVAL_MS",
            unit="ms",
            minimum=50,
            maximum=10_000,
        ),
    ] = 250
    log_level: LogLevelSetting = "INFO"
