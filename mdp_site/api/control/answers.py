"""The members of answers about the platform: their types, meanings and units."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Meta

from marketdata.control import RevisionOutcome
from marketdata.control.document import InstallationDocument
from marketdata.control.queue_books import QueueView
from marketdata.control.views import JobView, ProcessView, ReferenceView, ShardView

Time: TypeAlias = Annotated[str, Meta(description="ISO 8601, UTC.", examples=["2026-11-28T14:30:00+00:00"])]
OptionalTime: TypeAlias = Annotated[str | None, Meta(description="ISO 8601, UTC. Null: not yet, or never.")]
ServiceName: TypeAlias = Annotated[str, Meta(description="The name of a service.", examples=["listener"])]
RevisionNumber: TypeAlias = Annotated[
    int, Meta(description="The number of a revision. 0: the environment alone.", examples=[3])
]
GivenSettings: TypeAlias = Annotated[
    Mapping[str, Any],
    Meta(description="The settings that operators gave. The environment has the others.",
         examples=[{"log_level": "WARNING"}]),
]  # fmt: skip
Who: TypeAlias = Annotated[
    str,
    Meta(
        description="Who did it: a user, `terminal: user@host`, or a part of the platform.", examples=["ann"]
    ),
]
WhyText: TypeAlias = Annotated[str, Meta(description="The reason that was given. Empty: none.")]
OutcomeWord: TypeAlias = Annotated[
    RevisionOutcome, Meta(description="What became of it. `pending`: not every process has it yet.")
]
Explanation: TypeAlias = Annotated[str, Meta(description="The outcome in words.")]
NextCursor: TypeAlias = Annotated[
    str | None, Meta(description="Send it as `cursor` for the next page. Null: this is the last one.")
]
ReadAt: TypeAlias = Annotated[
    int,
    Meta(
        description="When it was read: epoch milliseconds. 0: it could not be read.", examples=[1795000000000]
    ),
]
Unread: TypeAlias = Annotated[
    Mapping[str, str], Meta(description="What could not be read, and why. Numbers of it are unknown.")
]


class RevisionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that operators gave to a service at one time, and what became of them."""

    service: ServiceName
    revision: RevisionNumber
    given: GivenSettings
    who: Who
    at: Time
    reason: WhyText
    outcome: OutcomeWord
    explanation: Explanation
    outcome_at: OptionalTime
    applied_by: Annotated[Sequence[str], Meta(description="The processes that applied it.")]


class RevisionPage(msgspec.Struct, frozen=True, kw_only=True):
    """Revisions of a service, the newest first."""

    revisions: Annotated[Sequence[RevisionAnswer], Meta(description="Those of this page.")]
    next_cursor: NextCursor


class SettingsAt(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that operators had given to a service at an instant."""

    service: ServiceName
    at: Time
    revision: RevisionNumber
    given: GivenSettings


class SettingDifference(msgspec.Struct, frozen=True, kw_only=True):
    """A setting in two revisions. Null: the value of the environment."""

    before: Annotated[Any, Meta(description="Its value in the first revision.")]
    after: Annotated[Any, Meta(description="Its value in the second one.")]


class DifferenceAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that differ between two revisions of a service."""

    service: ServiceName
    before: RevisionNumber
    after: RevisionNumber
    settings: Annotated[Mapping[str, SettingDifference], Meta(description="By the name of the setting.")]


class SettingAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A setting of a service: its wanted value, and what is accepted."""

    name: Annotated[str, Meta(description="The name.", examples=["log_level"])]
    value: Annotated[Any, Meta(description="The wanted value. The values of the environment are those of the "
                               "web process that answers.")]  # fmt: skip
    given: Annotated[bool, Meta(description="Whether an operator gave it.")]
    explanation: Annotated[str, Meta(description="What it does.")]
    accepted: Annotated[str, Meta(description="The accepted values in words.")]
    value_schema: Annotated[Mapping[str, Any], Meta(description="The accepted values as a JSON schema.")]
    unit: Annotated[str, Meta(description="The unit of a number. Empty: it has none.")]
    applies: Annotated[
        str, Meta(description="`live`: processes apply it while they run. `restart`: with a restart.")
    ]
    variable: Annotated[str | None, Meta(description="The variable of the environment. Null: there is none.")]


class ProcessSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a process of a service applies."""

    process: Annotated[str, Meta(description="The identity of the process.")]
    life: Annotated[str, Meta(description="`running`, `silent` or `ended`.")]
    applied_revision: RevisionNumber
    refused_revision: RevisionNumber
    refusal: Annotated[str, Meta(description="Why it refuses that revision. Empty: it refuses none.")]


class ServiceSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A service that operators can steer."""

    name: ServiceName
    revision: RevisionNumber
    outcome: Annotated[
        RevisionOutcome | None, Meta(description="What became of the revision. Null: there is none.")
    ]
    running: Annotated[int, Meta(description="How many processes of it run.")]


class ServiceList(msgspec.Struct, frozen=True, kw_only=True):
    """All services."""

    services: Annotated[Sequence[ServiceSummary], Meta(description="Each service once.")]
    unread: Unread


class ServiceAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A service: what is wanted of it, and what its processes apply."""

    name: ServiceName
    newest: Annotated[RevisionAnswer | None, Meta(description="The newest revision. Null: there is none.")]
    settings: Annotated[Sequence[SettingAnswer], Meta(description="All settings.")]
    processes: Annotated[Sequence[ProcessSettings], Meta(description="The processes that report settings.")]
    unread: Unread


class ProcessList(msgspec.Struct, frozen=True, kw_only=True):
    """The processes of the installation. Those that ended stay listed for a day."""

    read_at_ms: ReadAt
    processes: Annotated[Sequence[ProcessView], Meta(description="Each process, with its newest report.")]
    unread: Unread


class QueueList(msgspec.Struct, frozen=True, kw_only=True):
    """The queues between the listener and the processors."""

    read_at_ms: ReadAt
    queues: Annotated[Sequence[QueueView], Meta(description="Each queue with its books.")]
    unread: Unread


class ShardList(msgspec.Struct, frozen=True, kw_only=True):
    """The shards of the market."""

    read_at_ms: ReadAt
    shards: Annotated[Sequence[ShardView], Meta(description="Each shard, with its owner.")]
    unread: Unread


class ReferenceAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The reference data of the trading day."""

    read_at_ms: ReadAt
    reference: Annotated[ReferenceView | None, Meta(description="Null: it could not be read.")]
    unread: Unread


class JobList(msgspec.Struct, frozen=True, kw_only=True):
    """The scheduled jobs."""

    read_at_ms: ReadAt
    jobs: Annotated[Sequence[JobView] | None, Meta(description="Null: they could not be read.")]
    unread: Unread


class ActionDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """Something that operators can do."""

    name: Annotated[str, Meta(description="The name in paths of this API.", examples=["stop"])]
    label: Annotated[str, Meta(description="The name that people read.")]
    explanation: Annotated[str, Meta(description="What it does.")]
    arguments: Annotated[Mapping[str, Any], Meta(description="The JSON schema of its arguments.")]


class ActionList(msgspec.Struct, frozen=True, kw_only=True):
    """All actions."""

    actions: Annotated[Sequence[ActionDefinition], Meta(description="Each action once.")]


class ImpactAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What an action would do now. Nothing was done."""

    action: Annotated[str, Meta(description="The action.")]
    service: ServiceName
    arguments: Annotated[Mapping[str, Any], Meta(description="The arguments, also those by default.")]
    impact: Annotated[str, Meta(description="What the operator must know before.")]


class RunAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A run of an action, and what became of it."""

    id: Annotated[str, Meta(description="The id of the run.")]
    action: Annotated[str, Meta(description="The action.")]
    service: ServiceName
    arguments: Annotated[Mapping[str, Any], Meta(description="Its arguments.")]
    impact: Annotated[str, Meta(description="What the operator was told before.")]
    who: Who
    at: Time
    reason: WhyText
    revision: Annotated[
        int | None, Meta(description="The revision that it is. Null: it changes no settings.")
    ]
    outcome: OutcomeWord
    explanation: Explanation
    outcome_at: OptionalTime
    done_by: Annotated[Sequence[str], Meta(description="The processes that did it.")]


class RunPage(msgspec.Struct, frozen=True, kw_only=True):
    """Runs of actions, the newest first."""

    runs: Annotated[Sequence[RunAnswer], Meta(description="Those of this page.")]
    next_cursor: NextCursor


class AuditEntryAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that somebody did or tried."""

    id: Annotated[int, Meta(description="The number of the entry. It grows.")]
    at: Time
    who: Who
    user_id: Annotated[int | None, Meta(description="The id of the user. Null: no user.")]
    origin: Annotated[str, Meta(description="The address, also the token of a program; or `terminal`.")]
    service: Annotated[str, Meta(description="A service, `accounts`, or `api` for refused requests.")]
    action: Annotated[str, Meta(description="What was done or tried.")]
    revision: Annotated[int | None, Meta(description="The revision that it made. Null: none.")]
    before: Annotated[Mapping[str, Any] | None, Meta(description="The changed values before.")]
    after: Annotated[Mapping[str, Any] | None, Meta(description="The changed values after.")]
    reason: WhyText
    result: Annotated[str, Meta(description="What came of it. A refusal begins with `refused`.")]


class AuditPage(msgspec.Struct, frozen=True, kw_only=True):
    """Entries of the audit, the newest first."""

    entries: Annotated[Sequence[AuditEntryAnswer], Meta(description="Those of this page.")]
    next_cursor: NextCursor


class TokenRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A token of a user. Its secret is not stored."""

    id: Annotated[int, Meta(description="The number of the token.")]
    user: Annotated[str, Meta(description="The name of its user.")]
    name: Annotated[str, Meta(description="What uses it.")]
    begins_with: Annotated[str, Meta(description="The first characters of the secret.")]
    scopes: Annotated[Sequence[str], Meta(description="What it may be used for.")]
    created_at: Time
    last_used_at: OptionalTime
    expires_at: OptionalTime
    revoked_at: OptionalTime


class TokenPage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of users, the newest first."""

    tokens: Annotated[Sequence[TokenRecord], Meta(description="Those of this page.")]
    next_cursor: NextCursor


CONTROL_ANSWERS: Final = (
    InstallationDocument, ProcessList, QueueList, ShardList, ReferenceAnswer, JobList, ServiceList,
    ServiceAnswer, RevisionAnswer, RevisionPage, SettingsAt, DifferenceAnswer, ActionDefinition, ActionList,
    ImpactAnswer, RunAnswer, RunPage, AuditPage, TokenRecord, TokenPage,
)  # fmt: skip
"""All of them, for the document."""
