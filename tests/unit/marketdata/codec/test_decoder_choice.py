"""With `EVENT_DECODER=complete` no compiled loop reads JSON, and everything is read as with them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn

import numpy as np
import pytest

from marketdata.codec import columns as codec_columns
from marketdata.providers.base import Routing
from marketdata.providers.massive import framing
from marketdata.providers.massive.decoders import column_decoder
from marketdata.providers.massive.framing import FrameRouter
from scanners.registry import Route, routes
from tests.support.builders import aggregate_wire, batch_body, quote_wire, trade_wire

SHARDS: Final = 3
BANDS: Final = {"ev": "LULD", "T": "MSFT", "h": 2.5, "l": 1, "i": [17], "t": 1764086430905642800, "q": 5}
EVENTS: Final[Mapping[str, Sequence[dict[str, Any]]]] = {
    "aggregate": [aggregate_wire(), aggregate_wire(ev="AM", op=1.25), aggregate_wire(e=-1)],
    "trades": [trade_wire(c=[12, 37], ds="0.5", s=0), trade_wire(sym="LONGERTHAN8"), trade_wire(p=-1)],
    "quotes": [quote_wire(bp=0), quote_wire(q=None), quote_wire(sym="A B")],
    "halts": [BANDS, BANDS | {"i": None}, BANDS | {"h": "x"}],
}


def refuse(*_arguments: object) -> NoReturn:
    raise AssertionError("a compiled loop was called")


@pytest.fixture
def complete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENT_DECODER", "complete")
    monkeypatch.setattr(codec_columns, "read_events", refuse)
    monkeypatch.setattr(framing, "route_frames", refuse)


@pytest.mark.parametrize("route", routes(), ids=lambda route: route.queue.value)
def test_the_complete_decoder_alone_gives_the_same_columns(
    route: Route, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    bodies = [batch_body(EVENTS[route.queue.value]), b"[", b"[]", batch_body(EVENTS[route.queue.value][:1])]
    expected = column_decoder(route.queue, route.columns).decode(bodies)
    request.getfixturevalue("complete")

    found = column_decoder(route.queue, route.columns).decode(bodies)

    np.testing.assert_array_equal(found.values, expected.values)
    assert list(found.symbols) == list(expected.symbols)
    assert found.counts.tolist() == expected.counts.tolist() == [2, 0, 0, 1]
    assert found.rejected == expected.rejected


def routed() -> Routing:
    router = FrameRouter(SHARDS)
    for events in EVENTS.values():
        router.add(json.dumps(events))
    for frame in ("", "[", '[{"ev":"status","status":"connected"}]', '[{"ev":"X","sym":"A"}]'):
        router.add(frame)
    return router.take()


def test_the_second_way_alone_routes_the_same_events(request: pytest.FixtureRequest) -> None:
    expected = routed()
    request.getfixturevalue("complete")

    found = routed()

    assert found.parts == expected.parts
    assert list(found.statuses) == list(expected.statuses)
    assert found.set_aside == expected.set_aside
