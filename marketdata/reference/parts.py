"""Tracks the parts of one load: completed steps, missing parts, and rows that are not used."""

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
    """The progress of a load: completed steps, total steps, and the step completed last."""

    done: int
    total: int
    step: str


class Parts:
    """The steps and flaws of one load of `total` steps."""

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
        """The flaws found so far."""
        return tuple(self._flaws)

    def lacks(self, part: str) -> bool:
        """Whether a part is missing or incomplete."""
        return any(flaw.part == part for flaw in self._flaws)

    def add_flaws(self, *flaws: Flaw) -> None:
        """Record missing or incomplete parts, and log them."""
        for flaw in flaws:
            self._flaws.append(flaw)
            log.warning(
                "reference data is incomplete", what=flaw.name, reason=flaw.reason, detail=flaw.detail
            )

    def remove_flaws(self, flaws: Collection[Flaw]) -> None:
        """Remove flaws that turned out to be none."""
        self._flaws = [flaw for flaw in self._flaws if flaw not in flaws]

    def complete_step(self, step: str) -> None:
        """Count a completed step, and report the progress."""
        self._done += 1
        if self._progress is not None:
            self._progress(Progress(self._done, self._total, step))

    async def step(self, request: Awaitable[T], part: str) -> T | None:
        """The answer to a request. If it fails, None, and the part has a flaw."""
        answer: T | None = None
        try:
            answer = await request
        except MarketDataError as error:
            self.add_flaws(flaw_of(part, error))
        self.complete_step(part)
        return answer

    async def listing(
        self, request: Awaitable[Listing[T]], part: str, *, may_be_empty: bool = False
    ) -> Sequence[T]:
        """The rows of a listing. An empty listing is a flaw, unless it `may_be_empty`."""
        listing = await self.step(request, part)
        if listing is None:
            return ()
        if listing.failure is not None:
            self.add_flaws(flaw_of(part, listing.failure))
        elif not listing.rows and not may_be_empty:
            self.add_flaws(Flaw(part=part, reason=FlawReason.EMPTY))
        return listing.rows

    def used(self, part: str, chosen: Chosen[Row]) -> Sequence[Row]:
        """The chosen rows; counts the others as left out."""
        self._source.leave_out(part, chosen.left_out)
        return chosen.rows
