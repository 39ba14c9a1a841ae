"""Settings of the processes that run jobs. Operators can change them while the processes run."""

from typing import Final

from marketdata.observability.tracing import DEFAULT_SAMPLING_RATIO
from marketdata.runtime.role_settings import SharedRoleSettings, TraceSamplingSetting
from marketdata.runtime.settings import LogLevelSetting

JOBS_ROLE: Final = "jobs"


class JobsSettings(SharedRoleSettings, frozen=True, kw_only=True):
    """Settings of the processes that run jobs. While all are paused, orders for jobs wait."""

    trace_sampling: TraceSamplingSetting = DEFAULT_SAMPLING_RATIO
    log_level: LogLevelSetting = "INFO"
