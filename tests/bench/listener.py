"""`listener_route`: frames of 1,000 mixed events to encoded batches, on one core."""

from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec

from marketdata.providers.massive.framing import FrameRouter
from tests.bench.material import FRAME_EVENTS, mixed_frames
from tests.bench.rows import Row, best_rate, rate_row

FRAMES: Final = 100
SHARDS: Final = 2


class _SecondAggregate(msgspec.Struct, gc=False, tag_field="ev", tag="A"):
    sym: str


class _Trade(msgspec.Struct, gc=False, tag_field="ev", tag="T"):
    sym: str


class _Quote(msgspec.Struct, gc=False, tag_field="ev", tag="Q"):
    sym: str


_Header: TypeAlias = _SecondAggregate | _Trade | _Quote


def bare_limit(frames: Sequence[str] | None = None) -> float:
    """Events per second, on one core, of what decoding alone takes: split and header."""
    frames = frames or mixed_frames(FRAMES)
    slices, headers = msgspec.json.Decoder(list[msgspec.Raw]), msgspec.json.Decoder(list[_Header])

    def bare() -> None:
        for frame in frames:
            slices.decode(frame)
            headers.decode(frame)

    return best_rate(bare, items=len(frames) * FRAME_EVENTS)


def listener_route() -> Row:
    """Events routed per second: from the text of frames to encoded batches."""
    frames = mixed_frames(FRAMES)
    router = FrameRouter(SHARDS)

    def route() -> None:
        for frame in frames:
            router.add(frame)
            if sum(part.event_count for part in router.take().parts) != FRAME_EVENTS:
                raise AssertionError("routing lost events")

    return rate_row(
        "listener_route",
        best_rate(route, items=FRAMES * FRAME_EVENTS),
        bare_limit(frames),
        budget=4_000_000,
        least_ratio=0.5,
        limit_is="bare split and header decode",
    )
