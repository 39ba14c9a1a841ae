"""Odd input for the readers of the feed: each kind so many times an hour of market time, and counted.

The market itself is not touched, and draws no random number more or less: the good events are those of the
undisturbed market of the same seed. Kinds that are single events ride at the end of a good frame, to show
that they spoil no neighbour; the others are frames of their own.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from marketdata.providers.massive.emulator.hostile_events import HOSTILE_EVENTS
from marketdata.providers.massive.emulator.recipes import Crowd, Recipe, WireObject
from marketdata.providers.massive.emulator.spelling import CHANNEL_OF, messages_of
from marketdata.providers.massive.emulator.spoilt_events import SPOILT_EVENTS
from marketdata.synthetic_market.blocks import Block
from marketdata.synthetic_market.defects import Defect, DefectSchedule

CROWD_EVENTS: Final = 100
_RECIPES: Final[Mapping[Defect, Recipe]] = {**SPOILT_EVENTS, **HOSTILE_EVENTS}
_encode: Final = msgspec.json.Encoder().encode


class Injection(msgspec.Struct, frozen=True):
    """One odd event for the end of a frame of `channel`, or a frame of its own (`channel` is None).

    `pieces` is what a reader of the feed can count of it: the events of a crowd, else 1.
    """

    defect: Defect
    data: bytes
    channel: str | None = None
    pieces: int = 1

    @property
    def is_binary(self) -> bool:
        """Whether it goes out as a binary frame: a text frame must be UTF-8."""
        return self.defect is Defect.INVALID_UTF8


class DefectInjector:
    """Makes the odd input of each step from the step's own good events. Pure but for its counters.

    A kind that needs an event of a channel waits for a step that has one, as many as come in a minute.
    """

    def __init__(self, schedule: DefectSchedule) -> None:
        self._schedule: Final = schedule
        self._waiting: dict[Defect, int] = {}
        self._made: Final[Counter[Defect]] = Counter()

    def step(self, blocks: Sequence[Block], now_ms: int) -> list[Injection]:
        """What to send along with a step's blocks."""
        for defect, number in self._schedule.take_due(now_ms).items():
            waiting = self._waiting.get(defect, 0) + number
            self._waiting[defect] = min(waiting, self._schedule.most_waiting(defect))
        if not self._waiting:
            return []
        material = _Material(blocks)
        found: list[Injection] = []
        for defect in Defect:  # in the order of the enumeration, not of a dictionary
            while self._waiting.get(defect, 0) and (injection := self._make(defect, material)):
                found.append(injection)
                self._waiting[defect] -= 1
                self._made[defect] += 1
        self._waiting = {defect: number for defect, number in self._waiting.items() if number}
        return found

    def _make(self, defect: Defect, material: "_Material") -> Injection | None:
        """The next of its kind; None where the step has nothing that it could be made from."""
        recipe, number = _RECIPES[defect], self._made[defect]
        if isinstance(recipe, Crowd):
            events = recipe.make(material.all, number) if material.all else ()
            return Injection(defect, _encode(events), pieces=len(events)) if events else None
        sample = material.first(recipe.source) if recipe.source else {}
        if sample is None:
            return None
        return Injection(defect, recipe.make(sample, number), recipe.source if recipe.rides else None)


class _Material:
    """The good events of a step, as objects only where they are asked for."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        self._blocks: Final = blocks
        self._first: Final[dict[str, WireObject | None]] = {}
        self._all: list[WireObject] | None = None

    def first(self, channel: str) -> WireObject | None:
        """The first event of a channel."""
        if channel not in self._first:
            of_channel = (block for block in self._blocks if CHANNEL_OF[block.kind] == channel)
            self._first[channel] = next((_objects(block, 1)[0] for block in of_channel), None)
        return self._first[channel]

    @property
    def all(self) -> Sequence[WireObject]:
        """Events of every channel, in equal parts as far as they go."""
        if self._all is None:
            share = CROWD_EVENTS // max(1, len(self._blocks))
            self._all = [event for block in self._blocks for event in _objects(block, share)]
        return self._all


def _objects(block: Block, count: int) -> Sequence[WireObject]:
    """The first events of a block, as the wire has them."""
    return [msgspec.to_builtins(message) for message in messages_of(block, slice(0, count))]
