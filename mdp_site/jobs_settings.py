"""Settings of the processes that run jobs. Operators can change them while the processes run."""

from typing import Annotated, Final

from marketdata.observability.tracing import DEFAULT_SAMPLING_RATIO
from marketdata.runtime.role_settings import SharedRoleSettings, TraceSamplingSetting
from marketdata.runtime.settings import LogLevelSetting, setting

JOBS_ROLE: Final = "jobs"

SHORTEST_AUDIT_DAYS: Final = 90
"""The database itself refuses to delete younger entries (`control_plane/migrations/0004_audit_retention`)."""

LONGEST_DAYS: Final = 3_650


class JobsSettings(SharedRoleSettings, frozen=True, kw_only=True):
    """Settings of the processes that run jobs. While all are paused, orders for jobs wait."""

    trace_sampling: TraceSamplingSetting = DEFAULT_SAMPLING_RATIO
    log_level: LogLevelSetting = "INFO"
    keep_audit_days: Annotated[
        int,
        setting(
            "How long entries of the audit are kept, and those of the admin's own log.",
            variable="JOBS_KEEP_AUDIT_DAYS",
            unit="days",
            minimum=SHORTEST_AUDIT_DAYS,
            maximum=LONGEST_DAYS,
        ),
    ] = 730
    keep_revisions_days: Annotated[
        int,
        setting(
            "How long revisions of settings are kept. The newest, the last good one, and all from the first "
            "one on that the audit names stay in any case.",
            variable="JOBS_KEEP_REVISIONS_DAYS",
            unit="days",
            minimum=30,
            maximum=LONGEST_DAYS,
        ),
    ] = 730
    keep_actions_days: Annotated[
        int,
        setting(
            "How long actions of operators are kept, with what became of them.",
            variable="JOBS_KEEP_ACTIONS_DAYS",
            unit="days",
            minimum=7,
            maximum=LONGEST_DAYS,
        ),
    ] = 365
    keep_finished_jobs_days: Annotated[
        int,
        setting(
            "How long the outcomes of jobs are kept. There are bounds for each job, too: 200 successes and "
            "1,000 failures.",
            variable="JOBS_KEEP_FINISHED_JOBS_DAYS",
            unit="days",
            minimum=1,
            maximum=365,
        ),
    ] = 30
    keep_ended_tokens_days: Annotated[
        int,
        setting(
            "How long API tokens stay listed after they expired or were revoked.",
            variable="JOBS_KEEP_ENDED_TOKENS_DAYS",
            unit="days",
            minimum=1,
            maximum=LONGEST_DAYS,
        ),
    ] = 90
    keep_backups: Annotated[
        int,
        setting(
            "How many backups of the settings are kept. One is written when the settings have changed.",
            variable="JOBS_KEEP_BACKUPS",
            minimum=2,
            maximum=1_000,
        ),
    ] = 30
    summary_lead_minutes: Annotated[
        int,
        setting(
            "How long before the market opens the health summary is made.",
            variable="JOBS_SUMMARY_LEAD_MINUTES",
            unit="minutes",
            minimum=5,
            maximum=600,
        ),
    ] = 60
