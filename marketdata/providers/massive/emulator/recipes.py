"""What the recipe of an odd event is; `spoilt_events.py` and `hostile_events.py` have the recipes."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import msgspec

WireObject: TypeAlias = dict[str, Any]
"""An event as the wire has it."""


class Single(msgspec.Struct, frozen=True):
    """One bad event, made from a good event of the channel `source` ("" needs none).

    `make` gets that event, and how many of its kind were made before. With `rides` the event goes at the end
    of a frame of its source, else its bytes are a frame.
    """

    source: str
    make: Callable[[WireObject, int], bytes]
    rides: bool = True


class Crowd(msgspec.Struct, frozen=True):
    """A frame of many events, made from the events of a step (at least one), and how many came before."""

    make: Callable[[Sequence[WireObject], int], Sequence[WireObject]]


Recipe: TypeAlias = Single | Crowd
