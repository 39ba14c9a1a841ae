"""The whole platform as real processes, disturbed part by part: each failure is reported by name, and passes.

The tests ask the `status` of a WebSocket and `/readyz` of the web process. Both must report the same.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias

import aiohttp
import pytest

from marketdata.runtime.cancellation import end
from tests.support.deadlines import eventually, eventually_sync, scaled
from tests.support.scripted_provider import FeedConnection, ScriptedFeed, ScriptedRest
from tests.support.services import RabbitMQServer, ServiceMissingError, ValkeyServer, free_port
from tests.support.site import MANAGE, Site

KEY: Final = "the-key-of-this-test"
OTHER_KEY: Final = "another-key-altogether"
SHARDS: Final = 2
# Noon and night of a Tuesday: the market's own times, whatever the wall clock says.
OPEN: Final = "2026-11-24T12:00"
NIGHT: Final = {"market": "closed", "serverTime": "2026-11-24T21:00:00-05:00", "earlyHours": False}
NEXT_OPENING_MS: Final = 1_795_597_200_000  # 2026-11-25 04:00 in New York
REPORTED_WITHIN_SECONDS: Final = 20.0
BACK_WITHIN_SECONDS: Final = 30.0

pytestmark = [pytest.mark.timeout(scaled(400)), pytest.mark.rabbitmq, pytest.mark.redis]

StatusFrame: TypeAlias = dict[str, Any]


class Command:
    """One of the platform's commands, as its supervisor runs it: started again when it was killed."""

    def __init__(self, name: str, directory: Path, environment: dict[str, str], *arguments: str) -> None:
        self._command = [sys.executable, str(MANAGE), name, *arguments]
        self._log = directory / f"{name}.log"
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, **environment: str) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._environment | environment, stdout=log, stderr=log
            )

    def end(self, with_signal: signal.Signals = signal.SIGKILL) -> None:
        if self._process is not None:
            self._process.send_signal(with_signal)
            self._process.wait(scaled(20))
            self._process = None

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")


class Platform:
    """Simulator, listener, processor, scanner and web process on a cache and a broker of their own."""

    def __init__(self, directory: Path, cache: ValkeyServer, broker: RabbitMQServer, pages_url: str) -> None:
        self.cache = cache
        self.broker = broker
        self._feed_port = free_port()
        self.feed = f"127.0.0.1:{self._feed_port}"
        self.settings = {
            "MDC_URL": cache.url,
            "MDQ_URL": broker.url,
            "MDQ_SHARDS": str(SHARDS),
            "MASSIVE_FEED": self.feed,
            "MASSIVE_SECURE": "off",
            "MASSIVE_REST_URL": f"http://{self.feed}",
            "MASSIVE_API_KEY": KEY,
            "REFERENCE_LOOKUPS_PER_MINUTE": "0",
            # A cache of their own for the pages: that of the market data is disturbed alone.
            "CACHE_URL": pages_url,
            "CHANNEL_LAYER_URL": pages_url,
            # That of the pages: commands store revisions there.
            "DATABASE_URL": f"sqlite:///{directory / 'pages.sqlite3'}",
        }
        environment = os.environ | {"DJANGO_SETTINGS_MODULE": "mdp_site.settings", "LOG_FORMAT": "json"}
        environment |= self.settings
        self._directory, self._environment = directory, environment
        health = ("--health-port", "0")
        market = ("--port", str(self._feed_port), "--api-key", KEY, "--start", OPEN, "--symbols", "300")
        self.simulator = self._make("run_simulator", *market, *health)
        self.listener = self._make("run_listener", *health)
        self.processor = self._make("run_processor", *health)
        self.scanner = self._make("run_scanner", *health)

    def _make(self, name: str, *arguments: str) -> Command:
        return Command(name, self._directory, self._environment, *arguments)

    @property
    def commands(self) -> tuple[Command, ...]:
        return (self.simulator, self.listener, self.processor, self.scanner)

    def feed_is_served(self) -> bool:
        """Whether the simulator accepts connections."""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._feed_port), 1.0):
            return True
        return False

    def turn_to(self, feed: str) -> None:
        """Have the listener listen to another feed, without waiting for it to work."""
        with contextlib.suppress(subprocess.CalledProcessError):
            self.manage("control", "listener", f"feed={feed}", "--wait", "0")

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"DJANGO_SETTINGS_MODULE": "mdp_site.settings"} | self.settings
        command = [sys.executable, str(MANAGE), *arguments]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True, timeout=scaled(60)
        )


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[Platform]:
    with contextlib.ExitStack() as stack:
        cache = stack.enter_context(ValkeyServer())
        try:
            broker = stack.enter_context(RabbitMQServer())
        except ServiceMissingError as missing:
            pytest.fail(str(missing), pytrace=False)
        running = Platform(tmp_path_factory.mktemp("platform"), cache, broker, redis_url)
        for command in running.commands:
            stack.callback(command.end)
        running.simulator.start()
        running.processor.start()
        running.scanner.start()
        # A listener that reaches no provider asks the calendar, and at night waits for the morning.
        eventually_sync(running.feed_is_served, 60)
        running.listener.start()
        yield running


@pytest.fixture(scope="module")
def site(platform: Platform) -> Iterator[Site]:
    settings = platform.settings
    with Site(
        redis_url=platform.cache.url,
        oidc_url="http://127.0.0.1:1",
        MDQ_SHARDS=settings["MDQ_SHARDS"],
        CACHE_URL=settings["CACHE_URL"],
        CHANNEL_LAYER_URL=settings["CHANNEL_LAYER_URL"],
        DATABASE_URL=settings["DATABASE_URL"],
    ) as server:
        yield server


@pytest.fixture(scope="module")
def token(site: Site) -> str:
    made = "from mdp_site.accounts.models import User; User.objects.create_user('bot')"
    site.manage("shell", "--no-imports", "-c", made)
    return site.manage("create_api_token", "bot").strip()


class Watcher:
    """A program that receives `status` frames, and also asks `/readyz`."""

    def __init__(
        self, http: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse, url: str
    ) -> None:
        self._http = http
        self._socket = socket
        self._url = url
        self._statuses: asyncio.Queue[StatusFrame] = asyncio.Queue()
        self.states: list[str] = []

    async def sees(self, state: str, within_seconds: float = REPORTED_WITHIN_SECONDS) -> StatusFrame:
        """The first status with that state. Then `/readyz` must report it too, and a ready process."""
        try:
            async with asyncio.timeout(scaled(within_seconds)):
                while (status := await self._statuses.get())["state"] != state:
                    self.states.append(status["state"])
        except TimeoutError:
            raise AssertionError(f"not reported as {state}, but as {self.states[-5:]}") from None
        await eventually(lambda: self._readyz_says(state), 5)
        return status

    async def listen(self) -> None:
        """Take what comes, also while a test does something else: who does not read answers no pings."""
        async for message in self._socket:
            frame: StatusFrame = json.loads(message.data)
            if frame["type"] == "status":
                self._statuses.put_nowait(frame)

    async def _readyz_says(self, state: str) -> bool:
        async with self._http.get(f"{self._url}/readyz") as answer:
            body = json.loads(await answer.text())
        assert (answer.status, body["unready"]) == (200, {})
        assert "detail" not in body["data"], "how it fails is for staff"
        return bool(body["data"]["state"] == state)


@pytest.fixture
async def watcher(platform: Platform, site: Site, token: str) -> AsyncIterator[Watcher]:
    """One who has seen that all is well; it must be so again at the end of each test, by itself."""
    del platform
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{site.url}/ws/", protocols=("mdp.v2",), headers=headers) as socket,
    ):
        watching = Watcher(http, socket, site.url)
        listening = asyncio.create_task(watching.listen())
        try:
            await watching.sees("live", 60)
            yield watching
            await watching.sees("live", BACK_WITHIN_SECONDS)
        finally:
            await end(listening)


async def test_a_listener_that_an_operator_stopped_is_reported_as_stopped(
    platform: Platform, watcher: Watcher
) -> None:
    await asyncio.to_thread(platform.manage, "control", "listener", "stop")
    try:
        status = await watcher.sees("stopped")
        assert status["detail"] == "An operator stopped the listener."
    finally:
        await asyncio.to_thread(platform.manage, "control", "listener", "start")


@pytest.mark.parametrize("role", ["processor", "scanner"])
async def test_a_role_that_an_operator_paused_is_reported_as_stopped(
    platform: Platform, watcher: Watcher, role: str
) -> None:
    await asyncio.to_thread(platform.manage, "control", role, "running=off")
    try:
        status = await watcher.sees("stopped")
        assert status["detail"] == f"An operator stopped the {role}."
    finally:
        await asyncio.to_thread(platform.manage, "control", role, "running=")


@pytest.mark.parametrize(
    ("name", "state"),
    [("listener", "no_listener"), ("processor", "no_processor"), ("scanner", "no_scanner")],
)
async def test_a_process_that_was_killed_is_reported_by_its_name(
    platform: Platform, watcher: Watcher, name: str, state: str
) -> None:
    killed: Command = getattr(platform, name)
    await asyncio.to_thread(killed.end)
    try:
        await watcher.sees(state)
    finally:
        killed.start()


async def test_a_broker_that_takes_nothing_is_reported_as_blocked(
    platform: Platform, watcher: Watcher
) -> None:
    def watermark(*words: str) -> None:
        platform.broker.control("set_vm_memory_high_watermark", *words)

    await asyncio.to_thread(watermark, "absolute", "1")
    try:
        await watcher.sees("broker_blocked", 30)
    finally:
        await asyncio.to_thread(watermark, "0.4")


async def test_a_broker_that_is_gone_is_reported_as_away_even_by_a_listener_that_starts_without_it(
    platform: Platform, watcher: Watcher
) -> None:
    await asyncio.to_thread(platform.broker.stop)
    try:
        await watcher.sees("broker_away", 30)
        await asyncio.to_thread(platform.listener.end)
        await watcher.sees("no_listener")
        platform.listener.start()
        await watcher.sees("broker_away", 30)
    finally:
        await asyncio.to_thread(platform.broker.start)


async def test_a_provider_that_refuses_is_reported_with_its_words_and_without_the_key(
    platform: Platform, watcher: Watcher
) -> None:
    await asyncio.to_thread(platform.listener.end, signal.SIGTERM)
    platform.listener.start(MASSIVE_API_KEY=OTHER_KEY)
    try:
        status = await watcher.sees("refused", 40)
        assert status["detail"].startswith("Auth failed")
        assert OTHER_KEY not in status["detail"]
        assert OTHER_KEY not in platform.listener.log
    finally:
        await asyncio.to_thread(platform.listener.end)
        platform.listener.start()


async def test_a_cache_that_restarts_empty_is_reported_as_away(platform: Platform, watcher: Watcher) -> None:
    await asyncio.to_thread(platform.cache.kill)
    try:
        await watcher.sees("cache_away")
    finally:
        await asyncio.to_thread(platform.cache.start)


async def test_a_feed_that_cannot_be_reached_is_reported_as_reconnecting(
    platform: Platform, watcher: Watcher
) -> None:
    await asyncio.to_thread(platform.turn_to, f"127.0.0.1:{free_port()}")
    try:
        await watcher.sees("reconnecting")
    finally:
        await asyncio.to_thread(platform.turn_to, platform.feed)


async def stay_silent(connection: FeedConnection) -> None:
    await connection.subscribe()
    await connection.until_closed()


async def test_a_closed_market_is_reported_as_closed_with_its_opening(
    platform: Platform, watcher: Watcher
) -> None:
    async with ScriptedFeed(stay_silent) as feed, ScriptedRest({"/v1/marketstatus/now": NIGHT}) as rest:
        await asyncio.to_thread(platform.listener.end)
        platform.listener.start(MASSIVE_REST_URL=rest.url)
        await asyncio.to_thread(platform.turn_to, feed.address)
        try:
            status = await watcher.sees("market_closed", 60)
            assert status["opens_ms"] == NEXT_OPENING_MS
        finally:
            await asyncio.to_thread(platform.turn_to, platform.feed)
            await asyncio.to_thread(platform.listener.end)
            platform.listener.start()
