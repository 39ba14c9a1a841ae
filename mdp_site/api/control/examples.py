"""An example of each answer about the platform."""

from typing import Final

import msgspec

from marketdata.control import RevisionOutcome
from marketdata.control.document import InstallationDocument
from marketdata.control.queue_books import QueueView
from marketdata.control.verdict import Health, InstallationVerdict
from marketdata.control.views import JobView, Life, Overview, ProcessView, ReferenceView, ShardView
from marketdata.runtime.books import Book
from marketdata.runtime.report import ProcessReport, ServiceStatus
from marketdata.runtime.settings import declarations
from mdp_site.api.control import answers
from mdp_site.api.control.value_schemas import arguments_schema, value_schema
from mdp_site.control_plane.actions.registry import ACTIONS
from mdp_site.control_plane.csv_export import AUDIT_COLUMNS, csv_line
from mdp_site.control_plane.services import STEERED
from mdp_site.web_settings import WEB

_TIME_MS: Final = 1_795_000_000_000
_TIME: Final = "2026-11-28T14:30:00+00:00"
_PROCESS: Final = "web-1:4711:1795000000000"
_PROCESS_VIEW: Final = ProcessView(
    report=ProcessReport(
        identity=_PROCESS, service=WEB, name="web", host="web-1", pid=4711, version="1.0",
        started_at_ms=_TIME_MS, reported_at_ms=_TIME_MS, status=ServiceStatus(),
    ),
    life=Life.RUNNING, since_ms=_TIME_MS, age_ms=400, clock_offset_ms=0,
)  # fmt: skip
_BOOK: Final = Book(name="market_data:0", unit="batches", received=1_000, done=998, waiting=2)
_REVISION: Final = answers.RevisionAnswer(
    service=WEB,
    revision=3,
    given={"log_level": "WARNING"},
    who="ann",
    at=_TIME,
    reason="too loud",
    outcome=RevisionOutcome.APPLIED,
    explanation="applied by 1 of 1 processes",
    outcome_at=_TIME,
    applied_by=[_PROCESS],
)
_LOG_LEVEL: Final = declarations(STEERED[WEB].kind)["log_level"]
_STOP: Final = ACTIONS["stop"]
_ACTION: Final = answers.ActionDefinition(
    name=_STOP.name,
    label=_STOP.label,
    explanation=_STOP.explanation,
    arguments=arguments_schema(_STOP.arguments),
)
_RUN: Final = answers.RunAnswer(
    id="0b8d3f60-5d1a-4a5e-9c3c-2f6a8f0d7e11",
    action="stop",
    service="listener",
    arguments={"service": "listener"},
    impact="Pauses 1 process. No new market data arrives.",
    who="ann",
    at=_TIME,
    reason="planned",
    revision=4,
    outcome=RevisionOutcome.PENDING,
    explanation="",
    outcome_at=None,
    done_by=[],
)
_ENTRY: Final = answers.AuditEntryAnswer(
    id=17,
    at=_TIME,
    who="ann",
    user_id=7,
    origin="203.0.113.7 token 3",
    service=WEB,
    action="change",
    revision=3,
    before={"log_level": None},
    after={"log_level": "WARNING"},
    reason="too loud",
    result="pending",
)
_TOKEN: Final = answers.TokenRecord(
    id=3,
    user="ann",
    name="night shift",
    begins_with="mdp_Xk29ab7q",
    scopes=["control", "read:operations"],
    created_at=_TIME,
    last_used_at=_TIME,
    expires_at=None,
    revoked_at=None,
)

AUDIT_CSV: Final = csv_line(AUDIT_COLUMNS) + csv_line(
    [_TIME, "ann", 7, "203.0.113.7 token 3", WEB, "change", 3, '{"log_level": null}',
     '{"log_level": "WARNING"}', "too loud", "pending"]
)  # fmt: skip

CONTROL_EXAMPLES: Final[tuple[msgspec.Struct, ...]] = (
    InstallationDocument(
        verdict=InstallationVerdict(
            state=Health.HEALTHY, sentence="The installation is healthy.", findings=()
        ),
        overview=Overview(read_at_ms=_TIME_MS, processes=[_PROCESS_VIEW]),
    ),
    answers.ProcessList(read_at_ms=_TIME_MS, processes=[_PROCESS_VIEW], unread={}),
    answers.QueueList(
        read_at_ms=_TIME_MS,
        queues=[QueueView(queue="market_data:0", book=_BOOK, oldest_age_ms=120)],
        unread={},
    ),
    answers.ShardList(
        read_at_ms=_TIME_MS,
        shards=[
            ShardView(
                shard=0, owners=["p-1:17:1"], owned_since_ms=_TIME_MS, handovers=1, rows=1_200, tick_age_ms=80
            )
        ],
        unread={},
    ),
    answers.ReferenceAnswer(
        read_at_ms=_TIME_MS,
        reference=ReferenceView(date="2026-11-27", loaded_ms=_TIME_MS, load="done", symbols=10_400),
        unread={},
    ),
    answers.JobList(
        read_at_ms=_TIME_MS,
        jobs=[JobView(name="reference data", last_ms=_TIME_MS, succeeded=True, last_outcome="loaded")],
        unread={},
    ),
    answers.ServiceList(
        services=[answers.ServiceSummary(name=WEB, revision=3, outcome=RevisionOutcome.APPLIED, running=1)],
        unread={},
    ),
    answers.ServiceAnswer(
        name=WEB,
        newest=_REVISION,
        settings=[
            answers.SettingAnswer(
                name=_LOG_LEVEL.name,
                value="WARNING",
                given=True,
                explanation=_LOG_LEVEL.explanation,
                accepted=_LOG_LEVEL.accepted,
                value_schema=value_schema(_LOG_LEVEL),
                unit=_LOG_LEVEL.unit,
                applies=_LOG_LEVEL.applies.value,
                variable=_LOG_LEVEL.variable,
            )
        ],
        processes=[
            answers.ProcessSettings(
                process=_PROCESS, life="running", applied_revision=3, refused_revision=0, refusal=""
            )
        ],
        unread={},
    ),
    _REVISION,
    answers.RevisionPage(revisions=[_REVISION], next_cursor=None),
    answers.SettingsAt(service=WEB, at=_TIME, revision=3, given={"log_level": "WARNING"}),
    answers.DifferenceAnswer(
        service=WEB,
        before=0,
        after=3,
        settings={"log_level": answers.SettingDifference(before=None, after="WARNING")},
    ),
    _ACTION,
    answers.ActionList(actions=[_ACTION]),
    answers.ImpactAnswer(
        action="stop", service="listener", arguments={"service": "listener"}, impact=_RUN.impact
    ),
    _RUN,
    answers.RunPage(runs=[_RUN], next_cursor=None),
    answers.AuditPage(entries=[_ENTRY], next_cursor="WyJhdWRpdCIsWzE3XV0"),
    _TOKEN,
    answers.TokenPage(tokens=[_TOKEN], next_cursor=None),
)
