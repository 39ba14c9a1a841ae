"""Settings of the processes that run jobs. Operators can change them while the processes run."""

from typing import Final

from marketdata.runtime.role_settings import RunSettings

JOBS_ROLE: Final = "jobs"


class JobsSettings(RunSettings, frozen=True, kw_only=True):
    """Settings of the processes that run jobs. While they are paused, orders for jobs wait."""
