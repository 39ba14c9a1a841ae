"""Settings of the processor that operators can change while its processes run."""

from typing import Annotated

from marketdata.runtime.settings import LogLevelSetting, ServiceSettings, setting

PROCESSOR = "processor"


class ProcessorSettings(ServiceSettings, frozen=True, kw_only=True):
    """Settings of the processors. Every processor process applies the same values."""

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
