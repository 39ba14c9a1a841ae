"""The simulator's feed as the official SDK and a plain WebSocket client see it, over a real socket."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, WSServerHandshakeError
from massive import WebSocketClient
from massive.exceptions import AuthError
from massive.websocket.models import EquityAgg, EquityQuote, EquityTrade
from websockets.exceptions import ConnectionClosedError

from marketdata.errors import ConfigurationError
from marketdata.feeds import CLOCK_STATUS, StatusEvent
from marketdata.providers.buffered import FeedClock
from marketdata.providers.emulator import EvictionPolicy, ProtocolSettings
from marketdata.simulator.service import SimulatorService
from tests.support.deadlines import eventually, scaled
from tests.support.feed_faults import (
    close_all,
    send_malformed_frame,
    send_oversized_frame,
    send_unknown_event,
)
from tests.support.simulator import FULL_KEY, NO_LULD_KEY, SETTINGS, faults_of, running_simulator

Events = list[dict[str, Any]]


@pytest.fixture
async def simulator() -> AsyncIterator[SimulatorService]:
    async with running_simulator() as service:
        yield service


class RawClient:
    """The SDK in raw mode, as the listener uses it: whole frames, kept in order."""

    def __init__(
        self, simulator: SimulatorService, *subscriptions: str, key: str = FULL_KEY, reconnects: int = 0
    ) -> None:
        self.frames: list[str] = []
        self.sdk = WebSocketClient(
            key,
            feed=simulator.address,
            secure=False,
            raw=True,
            subscriptions=list(subscriptions),
            max_reconnects=reconnects,
        )
        self.ended = asyncio.ensure_future(self.sdk.connect(self._take, max_size=None))

    async def _take(self, frame: str) -> None:
        self.frames.append(frame)

    @property
    def events(self) -> Events:
        return [event for frame in self.frames for event in json.loads(frame)]

    def of_type(self, event_type: str) -> Events:
        return [event for event in self.events if event["ev"] == event_type]

    def statuses(self) -> list[str]:
        told = self.of_type("status")
        return [event["message"] for event in told if event["status"] != CLOCK_STATUS]

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for a condition while the connection holds."""
        await eventually(lambda: condition() or self.ended.done(), 10)
        assert condition(), self.ended

    async def close(self) -> None:
        await self.sdk.close()
        with contextlib.suppress(ConnectionClosedError):
            await self.ended


@contextlib.asynccontextmanager
async def raw_client(
    simulator: SimulatorService, *subscriptions: str, **options: Any
) -> AsyncIterator[RawClient]:
    client = RawClient(simulator, *subscriptions, **options)
    try:
        yield client
    finally:
        await client.close()


@contextlib.asynccontextmanager
async def socket_to(simulator: SimulatorService, **options: Any) -> AsyncIterator[ClientWebSocketResponse]:
    """A client that does only what the test tells it to."""
    async with (
        ClientSession() as session,
        session.ws_connect(f"http://{simulator.address}/stocks", **options) as socket,
    ):
        yield socket


async def statuses_of(socket: ClientWebSocketResponse) -> list[str]:
    return [event["status"] for event in await receive_json(socket)]


async def receive_json(socket: ClientWebSocketResponse) -> Events:
    async with asyncio.timeout(scaled(10)):
        events: Events = await socket.receive_json()
    assert isinstance(events, list)
    return events


async def log_in(socket: ClientWebSocketResponse, key: str = FULL_KEY) -> None:
    assert await statuses_of(socket) == ["connected"]
    await socket.send_json({"action": "auth", "params": key})
    assert await statuses_of(socket) == ["auth_success"]


async def close_code(socket: ClientWebSocketResponse) -> int | None:
    """Read until the end; None for an end without a close frame."""
    async with asyncio.timeout(scaled(10)):
        while (message := await socket.receive()).type in {WSMsgType.TEXT, WSMsgType.BINARY}:
            pass
    return int(message.data) if message.type is WSMsgType.CLOSE else None


async def test_the_sdk_gets_every_channel_it_asked_for_in_raw_mode(simulator: SimulatorService) -> None:
    async with raw_client(simulator, "A.*", "AM.*", "T.*", "Q.*", "LULD.*") as client:
        await client.until(lambda: all(client.of_type(kind) for kind in ("A", "AM", "T", "Q", "LULD")))
        assert sorted(client.statuses()) == sorted(
            f"subscribed to: {channel}.*" for channel in ("A", "AM", "T", "Q", "LULD")
        )
        symbols = set(simulator.market.universe.symbols)
        assert {event["sym"] for event in client.of_type("T")} <= symbols
        assert {event["T"] for event in client.of_type("LULD")} <= symbols
        assert max(map(len, client.frames)) < 1 << 20


async def test_the_sdk_parses_every_event_in_parsed_mode(simulator: SimulatorService) -> None:
    received: list[Any] = []

    async def take(events: list[Any]) -> None:
        received.extend(events)

    sdk = WebSocketClient(FULL_KEY, feed=simulator.address, secure=False, subscriptions=["A.*", "T.*", "Q.*"])
    running = asyncio.ensure_future(sdk.connect(take))
    try:
        await eventually(
            lambda: {EquityAgg, EquityTrade, EquityQuote} <= {type(event) for event in received}, 10
        )
    finally:
        await sdk.close()
        await running
    bar = next(event for event in received if isinstance(event, EquityAgg))
    assert bar.symbol in simulator.market.universe.index
    assert bar.end_timestamp == bar.start_timestamp + 1_000


async def test_binary_client_frames_are_understood_like_text(simulator: SimulatorService) -> None:
    class BinaryJson:
        loads = staticmethod(json.loads)
        dumps = staticmethod(msgspec.json.encode)

    received: list[Any] = []

    async def take(events: list[Any]) -> None:
        received.extend(events)

    sdk = WebSocketClient(
        FULL_KEY, feed=simulator.address, secure=False, subscriptions=["Q.*"], custom_json=BinaryJson
    )
    running = asyncio.ensure_future(sdk.connect(take))
    try:
        await eventually(lambda: received, 10)
    finally:
        await sdk.close()
        await running


async def test_subscriptions_change_while_connected_and_the_whole_channel_stays(
    simulator: SimulatorService,
) -> None:
    async with raw_client(simulator, "T.AAPL") as client:
        await client.until(lambda: client.of_type("T"))
        assert {event["sym"] for event in client.of_type("T")} == {"AAPL"}
        client.sdk.scheduled_subs = {"T.*"}
        client.sdk.schedule_resub = True
        await client.until(lambda: "unsubscribed to: T.AAPL" in client.statuses())
        client.frames.clear()
        await client.until(lambda: len({event["sym"] for event in client.of_type("T")}) > 5)


async def test_single_tickers_come_in_mixed_frames_and_unknown_ones_never(
    simulator: SimulatorService,
) -> None:
    async with raw_client(simulator, "T.SPY", "Q.SPY", "T.NOTATICKER", "ZZ.SPY") as client:
        await client.until(
            lambda: any({"T", "Q"} <= {event["ev"] for event in json.loads(frame)} for frame in client.frames)
        )
        assert {event["sym"] for event in client.events if event["ev"] != "status"} == {"SPY"}
        assert sorted(client.statuses()) == [
            f"subscribed to: {name}" for name in ("Q.SPY", "T.NOTATICKER", "T.SPY")
        ]


async def test_a_channel_outside_the_plan_is_refused_and_the_rest_goes_on(
    simulator: SimulatorService,
) -> None:
    async with raw_client(simulator, "LULD.*", "Q.*", key=NO_LULD_KEY) as client:
        await client.until(lambda: client.of_type("Q"))
        assert sorted(client.statuses()) == ["not authorized", "subscribed to: Q.*"]
        assert not client.of_type("LULD")


async def test_a_bad_key_ends_the_sdk_with_its_own_error_and_the_connection_abruptly(
    simulator: SimulatorService,
) -> None:
    with pytest.raises(AuthError, match="authentication failed"):
        await RawClient(simulator, key="wrong").ended
    async with socket_to(simulator) as socket:
        assert await statuses_of(socket) == ["connected"]
        await socket.send_json({"action": "auth", "params": "wrong"})
        assert await statuses_of(socket) == ["auth_failed"]
        assert await close_code(socket) is None


async def test_a_client_that_never_authenticates_is_told_and_closed() -> None:
    settings = msgspec.structs.replace(SETTINGS, auth_timeout_seconds=0.1)
    async with running_simulator(settings) as simulator, socket_to(simulator) as socket:
        assert await statuses_of(socket) == ["connected"]
        assert await statuses_of(socket) == ["auth_timeout"]
        assert await close_code(socket) == 1008


@pytest.mark.parametrize("policy", EvictionPolicy)
async def test_too_many_connections_of_a_key_end_one_of_them_with_1008(policy: EvictionPolicy) -> None:
    settings = msgspec.structs.replace(SETTINGS, max_connections=1, eviction=policy)
    async with (
        running_simulator(settings) as simulator,
        socket_to(simulator) as older,
        socket_to(simulator) as newer,
    ):
        await log_in(older)
        await log_in(newer)
        evicted, survivor = (older, newer) if policy is EvictionPolicy.OLDEST else (newer, older)
        assert await statuses_of(evicted) == ["max_connections"]
        assert await close_code(evicted) == 1008
        await survivor.send_json({"action": "subscribe", "params": "T.SPY"})
        assert (await receive_json(survivor))[0]["message"] == "subscribed to: T.SPY"


async def test_keys_have_their_own_connection_limits() -> None:
    settings = msgspec.structs.replace(SETTINGS, max_connections=1)
    async with (
        running_simulator(settings) as simulator,
        socket_to(simulator) as one,
        socket_to(simulator) as other,
    ):
        await log_in(one, FULL_KEY)
        await log_in(other, NO_LULD_KEY)
        for socket in (one, other):
            await socket.send_json({"action": "subscribe", "params": "T.SPY"})
            assert (await receive_json(socket))[0]["status"] == "success"


@pytest.mark.parametrize("tells_why", [True, False])
async def test_a_client_that_does_not_read_is_dropped_and_the_others_are_not(tells_why: bool) -> None:
    settings = msgspec.structs.replace(
        SETTINGS, max_connections=2, send_buffer_bytes=100_000, slow_consumer_status=tells_why
    )
    async with running_simulator(settings) as simulator:
        reader, writer = await asyncio.open_connection(*simulator.address.split(":"), limit=1)
        await upgrade_and_subscribe(writer)
        async with raw_client(simulator, "Q.*") as healthy:
            await healthy.until(lambda: healthy.of_type("Q"))
            slow = next(iter(faults_of(simulator).connections()))
            # Blows come faster than market data: 30 MB are more than the system's own buffers take.
            for _ in range(60):
                slow.send(b"[" + b" " * 500_000 + b"]")
                await asyncio.sleep(0)
                await eventually(lambda: slow.pending_bytes < 100_000 or not slow.is_live, 10)
                if not slow.is_live:
                    break
            await eventually(lambda: slow not in faults_of(simulator).connections(), 10)
            assert slow.end_reason == "slow_consumer"
            healthy.frames.clear()
            await healthy.until(lambda: healthy.of_type("Q"))
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        del reader


async def upgrade_and_subscribe(writer: asyncio.StreamWriter) -> None:
    """A handshake and two masked messages, from a client that will never read an answer."""
    writer.write(
        b"GET /stocks HTTP/1.1\r\nHost: simulator\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    for message in ({"action": "auth", "params": FULL_KEY}, {"action": "subscribe", "params": "Q.*"}):
        payload = json.dumps(message).encode()
        writer.write(bytes([0x81, 0x80 | len(payload), 0, 0, 0, 0]) + payload)
    await writer.drain()


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011])
async def test_connections_can_be_closed_with_any_code(simulator: SimulatorService, code: int) -> None:
    async with socket_to(simulator) as socket:
        await log_in(socket)
        close_all(faults_of(simulator), code)
        assert await close_code(socket) == code


async def test_a_cut_before_the_auth_reply_is_a_drop_for_the_sdk(simulator: SimulatorService) -> None:
    faults_of(simulator).abort_before_auth_reply = 1
    with pytest.raises(ConnectionClosedError):
        await RawClient(simulator, "Q.*").ended
    async with raw_client(simulator, "Q.*") as client:
        await client.until(lambda: client.of_type("Q"))


async def test_a_cut_after_the_subscription_is_survived_with_one_reconnect(
    simulator: SimulatorService,
) -> None:
    faults_of(simulator).abort_after_subscribe = 1
    async with raw_client(simulator, "Q.*", reconnects=1) as client:
        await client.until(lambda: client.of_type("Q"))
        assert faults_of(simulator).abort_after_subscribe == 0


async def test_the_upgrade_can_be_refused(simulator: SimulatorService) -> None:
    faults_of(simulator).refuse_upgrade_status = 503
    with pytest.raises(WSServerHandshakeError) as refused:
        async with socket_to(simulator):
            pass
    assert refused.value.status == 503


async def test_a_stalled_feed_is_silent_and_still_answers_pings(simulator: SimulatorService) -> None:
    async with raw_client(simulator, "Q.*") as client:
        await client.until(lambda: client.of_type("Q"))
        faults_of(simulator).stalled = True
        async with socket_to(simulator, heartbeat=0.1) as socket:
            await log_in(socket, NO_LULD_KEY)
            await socket.send_json({"action": "subscribe", "params": "Q.*"})
            assert (await receive_json(socket))[0]["status"] == "success"
            market_ms = simulator.market.now_ms
            client.frames.clear()
            await eventually(lambda: simulator.market.now_ms > market_ms + 500, 10)
            assert not client.frames
            assert not socket.closed
        faults_of(simulator).stalled = False
        await client.until(lambda: client.of_type("Q"))


async def test_an_oversized_frame_is_refused_by_a_client_with_default_limits(
    simulator: SimulatorService,
) -> None:
    sdk = WebSocketClient(
        FULL_KEY, feed=simulator.address, secure=False, raw=True, subscriptions=["T.SPY"], max_reconnects=0
    )
    seen: list[str] = []

    async def take(frame: str) -> None:
        seen.append(frame)

    running = asyncio.ensure_future(sdk.connect(take))
    await eventually(lambda: seen, 10)
    send_oversized_frame(faults_of(simulator))
    with pytest.raises(ConnectionClosedError) as closed:
        async with asyncio.timeout(scaled(10)):
            await running
    assert closed.value.sent is not None
    assert closed.value.sent.code == 1009


async def test_unknown_and_malformed_content_can_be_sent(simulator: SimulatorService) -> None:
    async with raw_client(simulator, "T.SPY") as client:
        await client.until(lambda: client.of_type("T"))
        send_unknown_event(faults_of(simulator))
        await client.until(lambda: client.of_type("ZZ"))
        send_malformed_frame(faults_of(simulator))
        await client.until(lambda: '"v":10' in client.frames[-1])
        with pytest.raises(json.JSONDecodeError):
            json.loads(client.frames.pop())


@pytest.mark.parametrize("offers", [True, False])
async def test_deflate_is_declined_by_default_and_can_be_had(offers: bool) -> None:
    settings = msgspec.structs.replace(SETTINGS, compression=offers)
    async with running_simulator(settings) as simulator, socket_to(simulator, compress=15) as socket:
        assert bool(socket.compress) is offers
        await log_in(socket)
        await socket.send_json({"action": "subscribe", "params": "Q.*"})
        assert (await receive_json(socket))[0]["status"] == "success"
        assert [event["status"] for event in await receive_json(socket)] == [CLOCK_STATUS]
        assert (await receive_json(socket))[0]["ev"] == "Q"


async def test_the_market_s_clock_is_declared_before_the_events_that_it_bounds(
    simulator: SimulatorService,
) -> None:
    async with raw_client(simulator, "A.*", "T.*", "Q.*", "LULD.*") as client:
        await client.until(lambda: all(client.of_type(kind) for kind in ("A", "T", "Q", "LULD")))
    clock = FeedClock(may_declare=True)
    bounded = 0
    for event in client.events:
        if event["ev"] == "status":
            clock.apply_declarations([StatusEvent(event["status"], event["message"])])
        else:
            time_ms = event["e"] - 1 if event["ev"] == "A" else event["t"]
            time_ms = time_ms // 1_000_000 if event["ev"] == "LULD" else time_ms
            assert time_ms <= clock.feed_time_ms(received_ns=0)
            bounded += 1
    assert bounded


async def test_stopping_closes_every_client_with_1001_and_returns_at_once() -> None:
    async with running_simulator() as simulator:
        socket_context = socket_to(simulator)
        socket = await socket_context.__aenter__()
        await log_in(socket)
        reading = asyncio.ensure_future(close_code(socket))
    assert await reading == 1001
    await socket_context.__aexit__(None, None, None)
    assert simulator.unready()


def test_settings_without_a_key_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="at least one API key"):
        ProtocolSettings(api_keys=())
