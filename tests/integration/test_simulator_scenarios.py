"""Scenarios and high rates over a real socket, as the official SDK receives them."""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator
from itertools import pairwise
from logging import getLogger
from typing import Any

import msgspec
import pytest
from massive import WebSocketClient
from massive.websocket.models import EquityTrade, Market, parse
from msgspec import structs
from prometheus_client import REGISTRY
from websockets.exceptions import ConnectionClosedError

from marketdata.errors import ConfigurationError
from marketdata.providers.massive.emulator.spoilt_events import OVERSIZED_FRAME_EVENTS, SPOILT_EVENTS
from marketdata.simulator.service import SimulatorConfig, SimulatorService
from marketdata.synthetic_market.activity import Rates
from marketdata.synthetic_market.defects import Defect
from marketdata.synthetic_market.market import MAX_PROTOTYPES
from marketdata.synthetic_market.scenarios import SCENARIOS
from tests.support.deadlines import eventually
from tests.support.simulator import FULL_KEY, faults_of, running, sent_defects_of, simulator_config

Frames = list[str | bytes]
MEBIBYTE = 1 << 20
# More trades than are drawn one by one.
AT_RATE = Rates(
    aggregates_per_second=250, trades_per_second=110_000, quotes_per_second=200, follows_session=False
)
"""So many trades that a step of 20 ms has more than are drawn one by one."""


@contextlib.asynccontextmanager
async def received(
    simulator: SimulatorService, *channels: str, max_size: int | None = None
) -> AsyncIterator[Frames]:
    """Whole frames from the SDK in raw mode, by default without a size limit, as the listener has it."""
    frames: Frames = []

    async def take(frame: str | bytes) -> None:
        frames.append(frame)

    sdk = WebSocketClient(
        FULL_KEY, feed=simulator.address, secure=False, raw=True, subscriptions=list(channels)
    )
    running_sdk = asyncio.ensure_future(sdk.connect(take, max_size=max_size))
    try:
        yield frames
    finally:
        await sdk.close()
        with contextlib.suppress(ConnectionClosedError):
            await running_sdk


def events_of(frames: Frames) -> list[Any]:
    """The events of all frames that are arrays of objects."""
    found: list[Any] = []
    for frame in frames:
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
            value = msgspec.json.decode(frame)
            found += [event for event in value if isinstance(event, dict)] if isinstance(value, list) else []
    return found


def oddities(frames: Frames) -> Counter[Defect]:
    """Every kind of bad input that can be told from the frames alone."""
    found: Counter[Defect] = Counter()
    for frame in frames:
        if isinstance(frame, bytes):
            found[Defect.INVALID_UTF8] += 1
            continue
        try:
            value = msgspec.json.decode(frame)
        except msgspec.DecodeError:
            found[Defect.NOT_A_NUMBER if "NaN" in frame else Defect.MALFORMED] += 1
            continue
        if not isinstance(value, list):
            found[Defect.NOT_AN_ARRAY] += 1
        elif not isinstance(value[0], dict):
            found[Defect.NOT_OBJECTS] += 1
        elif len(value) == OVERSIZED_FRAME_EVENTS:
            found[Defect.OVERSIZED_FRAME] += 1
        else:
            found.update(oddity for event in value if (oddity := oddity_of(event)))
    return found


def oddity_of(event: dict[str, Any]) -> Defect | None:
    if event["ev"] == "ZZ":
        return Defect.UNKNOWN_EVENT
    if event["ev"] == "T" and "sym" not in event:
        return Defect.MISSING_SYMBOL
    if len(event.get("sym", "")) > 100:
        return Defect.HUGE_FIELD
    if event["ev"] == "T" and event["s"] < 0:
        return Defect.NEGATIVE_SIZE
    return None


def repetitions(frames: Frames) -> tuple[int, int]:
    """How many trades came once more, and how many bars: by symbol and number, by symbol and start."""
    trades: Counter[tuple[str, int]] = Counter()
    bars: Counter[tuple[str, int]] = Counter()
    for event in events_of(frames):
        if event["ev"] == "T" and "sym" in event and len(event["sym"]) < 100 and event["s"] >= 0:
            trades[event["sym"], event["q"]] += 1
        if event["ev"] == "A":
            bars[event["sym"], event["s"]] += 1
    return trades.total() - len(trades), bars.total() - len(bars)


def metric(defect: Defect) -> float:
    return REGISTRY.get_sample_value("mdp_simulator_sent_defects_total", {"kind": defect.value}) or 0.0


async def test_every_bad_event_and_frame_can_be_accounted_for() -> None:
    before = {defect: metric(defect) for defect in SPOILT_EVENTS}
    config = structs.replace(simulator_config(), scenario=SCENARIOS["bad"], speed=20.0)
    async with running(config) as simulator, received(simulator, "A.*", "T.*") as frames:
        await eventually(lambda: set(sent_defects_of(simulator)) == set(SPOILT_EVENTS), 20)
        # From here on nothing more is handed over, so that both sides can be compared.
        faults_of(simulator).stalled = True
        sent = {Defect(kind): count for kind, count in sent_defects_of(simulator).items()}
        await eventually(lambda: covers(oddities(frames), sent), 10)
        assert dict(oddities(frames)) == {
            defect: count for defect, count in sent.items() if defect not in INDISTINCT
        }
        trades_again, bars_again = repetitions(frames)
        assert trades_again == sent[Defect.DUPLICATE]
        assert bars_again == sent[Defect.RESENT_BAR]
        assert {defect: metric(defect) - before[defect] for defect in SPOILT_EVENTS} == sent


INDISTINCT = {Defect.LATE, Defect.DUPLICATE, Defect.OUT_OF_ORDER, Defect.RESENT_BAR}


def covers(found: Counter[Defect], sent: dict[Defect, int]) -> bool:
    return all(found[defect] >= count for defect, count in sent.items() if defect not in INDISTINCT)


async def test_the_sdk_receives_and_parses_prebuilt_frames_without_a_larger_size_limit() -> None:
    config = structs.replace(simulator_config(), rates=AT_RATE, events_per_frame=2_500)
    async with (
        running(config) as simulator,
        received(simulator, "A.*", "T.*", "Q.*", max_size=MEBIBYTE) as frames,
    ):
        await eventually(lambda: {'"ev":"A"', '"ev":"T"', '"ev":"Q"'} <= kinds_of(frames), 20)
        faults_of(simulator).stalled = True
        largest = max((frame for frame in frames if isinstance(frame, str)), key=len)
    models = parse(json.loads(largest), getLogger(__name__), Market.Stocks)
    assert len(models) > MAX_PROTOTYPES / 2
    assert {type(model) for model in models} == {EquityTrade}
    numbers = [model.sequence_number for model in models]
    assert all(one < next_one for one, next_one in pairwise(numbers))
    assert all(model.price > 0 for model in models)


def kinds_of(frames: Frames) -> set[str]:
    """How the frames of events begin; the first ones may be acknowledgements."""
    return {frame[2:10] for frame in frames if isinstance(frame, str)}


async def test_frames_hold_at_most_the_configured_number_of_events() -> None:
    config = structs.replace(simulator_config(), events_per_frame=7)
    async with running(config) as simulator, received(simulator, "T.*", "Q.*") as frames:
        await eventually(lambda: len(frames) > 50, 10)
        assert max(len(msgspec.json.decode(frame)) for frame in frames) == 7


@pytest.mark.parametrize("events_per_frame", [0, -1, 4_001])
def test_a_frame_size_that_no_client_could_take_is_refused(events_per_frame: int) -> None:
    config: SimulatorConfig = simulator_config()
    with pytest.raises(ConfigurationError, match="events per frame must be 1 to 4000"):
        structs.replace(config, events_per_frame=events_per_frame)
