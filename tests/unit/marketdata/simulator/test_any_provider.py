"""The simulator serves through whichever emulator the provider has: a vendor adds a spelling and a server."""

import asyncio
import contextlib
import sys
import types
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

import pytest

from marketdata.errors import ConfigurationError
from marketdata.providers import registry
from marketdata.providers.emulator import ApiKey, ProtocolSettings, ServedAt
from marketdata.providers.massive.plugin import MassivePlugin
from marketdata.providers.registry import provider_plugin
from marketdata.simulator.service import SimulatorConfig, SimulatorService
from marketdata.synthetic_market.blocks import Block, EventKind
from marketdata.synthetic_market.market import Market
from tests.support.deadlines import eventually, scaled
from tests.unit.marketdata.synthetic_market.markets import BRISK, SEED, SYMBOLS, calendar, instant

SETTINGS = ProtocolSettings(api_keys=(ApiKey("key"),))


class NotingServer:
    """Serves nobody, and notes what it was given: the time of the clock, and the kinds of events."""

    def __init__(self, market: Market, at: ServedAt) -> None:
        self.address = f"{at.part}@{at.host}"
        self.serves = False
        self.clock_ms: list[int] = []
        self.kinds: set[EventKind] = set()
        self._market = market

    def unready(self) -> Mapping[str, str]:
        return {} if self.serves else {"port": "not bound"}

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        self.serves = True
        yield
        self.serves = False

    def declare_clock(self, now_ms: int) -> None:
        self.clock_ms.append(now_ms)

    def publish(self, blocks: Sequence[Block]) -> None:
        assert self.clock_ms[-1] == self._market.now_ms, "the time is declared before the events up to then"
        self.kinds.update(block.kind for block in blocks)

    async def flush(self, within_seconds: float) -> None:
        await asyncio.sleep(0)


class NotingEmulator:
    channels = frozenset({"everything"})
    usual_events_per_frame = 5
    max_events_per_frame = 10

    def market_server(
        self, market: Market, _settings: ProtocolSettings, at: ServedAt, **options: Any
    ) -> NotingServer:
        assert options["events_per_frame"] == self.usual_events_per_frame
        return NotingServer(market, at)


class NotingPlugin(MassivePlugin):
    """Another vendor: only its emulator matters here."""

    name = "noting"  # type: ignore[misc]

    def emulator(self) -> Any:
        return NotingEmulator()


@pytest.fixture
def noting(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a provider whose emulator notes what it is given."""
    module = types.ModuleType("noting_provider.plugin")
    module.PLUGIN = NotingPlugin()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "noting_provider", types.ModuleType("noting_provider"))
    monkeypatch.setitem(sys.modules, "noting_provider.plugin", module)
    monkeypatch.setitem(registry._PACKAGES, "noting", "noting_provider")
    provider_plugin.cache_clear()
    yield "noting"
    provider_plugin.cache_clear()


def config_of(provider: str, **further: Any) -> SimulatorConfig:
    return SimulatorConfig(
        protocol=SETTINGS,
        start_ms=instant("2026-11-20T10:00:58"),
        provider=provider,
        symbol_count=SYMBOLS,
        seed=SEED,
        speed=20,
        rates=BRISK,
        **further,
    )


async def test_another_providers_emulator_is_given_the_market_step_by_step(noting: str) -> None:
    service = SimulatorService(config_of(noting), calendar())
    server = service.server
    assert isinstance(server, NotingServer)
    assert service.unready() == {"port": "not bound"}
    stopping = asyncio.Event()
    running = asyncio.create_task(service.run(stopping))
    await eventually(lambda: server.kinds == set(EventKind), 30)
    assert service.unready() == {}
    assert service.address == "simulator@127.0.0.1"
    stopping.set()
    await asyncio.wait_for(running, scaled(10))
    assert service.unready() == {"port": "not bound"}
    assert server.clock_ms == sorted(server.clock_ms)


def test_a_frame_is_bounded_by_what_the_providers_own_frames_hold(noting: str) -> None:
    with pytest.raises(ConfigurationError, match="events per frame must be 1 to 10, got 11"):
        config_of(noting, events_per_frame=11)
    with pytest.raises(ConfigurationError, match="events per frame must be 1 to 4000, got 0"):
        config_of("massive", events_per_frame=0)


@pytest.mark.parametrize("provider", ["replay", "nobody"])
def test_a_provider_without_an_emulator_is_refused_before_a_market_is_made(provider: str) -> None:
    with pytest.raises(ConfigurationError, match=f"protocol of the provider '{provider}' cannot be served"):
        config_of(provider)
