"""How the parts of one load go: which step is done, what is missing, and which rows are not used."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TypeVar

import msgspec

from marketdata.errors import MarketDataError
from marketdata.observability.logs import get_logger
from marketdata.reference.facts import Listing
from marketdata.reference.flaws import Flaw, FlawReason, flaw_of
from marketdata.reference.rows import Chosen, Row
from marketdata.reference.sources import ReferenceSource

T = TypeVar("T")

log = get_logger(__name__)


class Progress(msgspec.Struct, frozen=True):
    """How far a load has come: steps done, steps in all, and the step just done."""

    done: int
    total: int
    step: str


class Parts:
    """The books of one load of `total` steps."""

    def __init__(
        self, source: ReferenceSource, total: int, progress: Callable[[Progress], None] | None
    ) -> None:
        self._source = source
        self._total = total
        self._progress = progress
        self._done = 0
        self._flaws: list[Flaw] = []

    @property
    def flaws(self) -> Sequence[Flaw]:
        """What is missing so far."""
        return tuple(self._flaws)

    def lacks(self, part: str) -> bool:
        """Whether a part is missing or not whole."""
        return any(flaw.part == part for flaw in self._flaws)

    def missing(self, *flaws: Flaw) -> None:
        """Take note of what is missing, and say so."""
        for flaw in flaws:
            self._flaws.append(flaw)
            log.warning("reference data is not whole", what=flaw.name, reason=flaw.reason, detail=flaw.detail)

    def explained(self, flaws: Collection[Flaw]) -> None:
        """Strike what turned out to be none."""
        self._flaws = [flaw for flaw in self._flaws if flaw not in flaws]

    def count(self, step: str) -> None:
        """A step is done."""
        self._done += 1
        if self._progress is not None:
            self._progress(Progress(self._done, self._total, step))

    async def step(self, request: Awaitable[T], part: str) -> T | None:
        """The answer, or None where there is none: then the part is missing."""
        answer: T | None = None
        try:
            answer = await request
        except MarketDataError as error:
            self.missing(flaw_of(part, error))
        self.count(part)
        return answer

    async def listing(
        self, request: Awaitable[Listing[T]], part: str, *, may_be_empty: bool = False
    ) -> Sequence[T]:
        """The rows that were listed. A listing without a row is missing, unless it may be empty."""
        listing = await self.step(request, part)
        if listing is None:
            return ()
        if listing.failure is not None:
            self.missing(flaw_of(part, listing.failure))
        elif not listing.rows and not may_be_empty:
            self.missing(Flaw(part=part, reason=FlawReason.EMPTY))
        return listing.rows

    def used(self, part: str, chosen: Chosen[Row]) -> Sequence[Row]:
        """The rows that were chosen; the others are counted."""
        self._source.leave_out(part, chosen.left_out)
        return chosen.rows
