"""The platform's own counters, as its metrics add them up: what became of every event and piece."""

from collections import Counter

import msgspec

from marketdata.providers.base import Routing
from scanners.processor.outcome import Outcome


class Books(msgspec.Struct):
    """`received`: events and pieces that the router handed on; `set_aside`: those that it did not understand.

    `applied`, `refused` (by reason) and `unknown` are the processors': what took effect, what did not, and
    the pieces that the router had set aside. Work that died with a processor is not in it: it is done again.
    """

    received: int = 0
    set_aside: Counter[str] = msgspec.field(default_factory=Counter)
    applied: int = 0
    refused: Counter[str] = msgspec.field(default_factory=Counter)
    unknown: int = 0

    def route(self, routing: Routing) -> None:
        """Take note of what was routed."""
        self.received += sum(part.event_count for part in routing.parts)
        self.set_aside.update(routing.set_aside)

    def process(self, outcome: Outcome) -> None:
        """Take note of what became of batches whose effect is stored."""
        self.applied += outcome.applied.total()
        self.refused.update(outcome.rejected)
        self.refused.update(outcome.ignored)
        self.unknown += outcome.unknown.total()

    @property
    def all_refused(self) -> Counter[str]:
        """Everything that had no effect, by reason, whoever refused it."""
        return self.set_aside + self.refused

    def check(self) -> None:
        """Nothing is lost and nothing counted twice; that holds once nothing waits."""
        assert self.unknown == self.set_aside.total()
        assert self.received == self.applied + self.refused.total() + self.unknown
