"""What became of a version of the wanted settings: pending, then applied, refused or overtaken."""

import asyncio
import enum
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

from marketdata.clock import Clock

POLL_SECONDS: Final = 0.1


class RevisionOutcome(enum.StrEnum):
    """What became of a version so far."""

    PENDING = "pending"
    APPLIED = "applied"
    REFUSED = "refused"
    OVERTAKEN = "overtaken"


class Effect(msgspec.Struct, frozen=True):
    """What became of a version, and the same in words. Of a pending one the words say what is missing.

    `applied_by`: the reporting processes that apply it.
    """

    outcome: RevisionOutcome
    explanation: str
    applied_by: tuple[str, ...] = ()


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What one process reports: the version and values that it applies, what it refused last, and why.

    `facts`: what else an operator should know of it, in words.
    """

    source: str
    version: int
    values: Mapping[str, Any]
    refused_version: int = 0
    refusal: str = ""
    facts: tuple[str, ...] = ()


class Followers(Protocol):
    """The processes of one service, by what they report."""

    async def reports(self) -> Sequence[Report]:
        """The reports of the last seconds. Raises as `effect`."""

    async def effect(self, version: int) -> Effect:
        """What became of this version so far.

        Raises:
            StoreUnavailable: the cache is away.
            ContentError: a report cannot be read.
        """


async def effect_within(
    followers: Followers, version: int, *, deadline_seconds: float, clock: Clock
) -> Effect:
    """Wait until the outcome of the version is decided. After the deadline the outcome is still pending.

    Raises as `Followers.effect`.
    """
    deadline = clock.monotonic() + deadline_seconds
    while (effect := await followers.effect(version)).outcome is RevisionOutcome.PENDING:
        if clock.monotonic() >= deadline:
            return effect
        await asyncio.sleep(POLL_SECONDS)
    return effect
