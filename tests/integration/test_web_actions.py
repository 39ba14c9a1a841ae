"""Actions on clients, accounts and jobs, with two real web processes on one database and one cache."""

import asyncio
import contextlib
import json
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import aiohttp
import pytest
from redis.asyncio import Redis

from marketdata.clock import SystemClock
from marketdata.control.overview_reading import OverviewReader
from marketdata.schema.boards import TOP_GAINERS, TOP_LOSERS
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.process_records import ProcessRecords
from mdp_site.service_settings import SERVICES
from mdp_site.web_settings import WEB
from tests.support.actions import Outcome, act
from tests.support.deadlines import eventually, scaled
from tests.support.site import MANAGE, Site
from tests.support.widget_site import Market
from widgets.protocol import CloseCode

pytestmark = [pytest.mark.redis, pytest.mark.timeout(240)]  # each command is a process of its own

WITHIN_SECONDS = 10.0


@pytest.fixture(scope="module")
def keys() -> Keys:
    return Keys(f"test-{secrets.token_hex(6)}:")


@pytest.fixture(scope="module")
def sites(redis_url: str, keys: Keys) -> Iterator[tuple[Site, Site]]:
    """Two web processes. Their channel layers are apart, so no notice of one reaches the other."""
    provider = "http://127.0.0.1:1"
    with Site(redis_url=redis_url, oidc_url=provider, MDC_KEY_PREFIX=keys.prefix) as first:
        state = first.environment["STATE_DIR"]
        with Site(
            redis_url=redis_url, oidc_url=provider, MDC_KEY_PREFIX=keys.prefix, STATE_DIR=state
        ) as second:
            yield first, second


USERS = ("ada", "bert", "carl", "dora")
MAKE_USERS = f"""
from mdp_site.accounts.models import ApiToken, User
for name in {USERS}:
    print(ApiToken.objects.issue(User.objects.create_user(name), name="ticker")[1])
"""


@pytest.fixture(scope="module")
def tokens(sites: tuple[Site, Site]) -> dict[str, str]:
    """A token of each user, by name."""
    printed = sites[0].manage("shell", "--no-imports", "-c", MAKE_USERS).split()
    return dict(zip(USERS, printed, strict=True))


@pytest.fixture
async def reporting(sites: tuple[Site, Site], redis_url: str, keys: Keys) -> None:
    """Both processes are known to the platform."""
    async with contextlib.aclosing(connect(redis_url)) as redis:
        await eventually(lambda: _both_report(redis, keys), 30)


async def _both_report(redis: Redis, keys: Keys) -> bool:
    async def no_jobs() -> list[Any]:
        return []

    reader = OverviewReader(
        ProcessRecords(redis, keys),
        services=list(SERVICES),
        shard_count=1,
        read_jobs=no_jobs,
        clock=SystemClock(),
    )
    running = (await reader.newest()).running
    return (
        sum(each.report.service == WEB and each.report.status.settings is not None for each in running) == 2
    )


class Reader:
    """A program with a socket. It reads all the time, and so answers the server's pings."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self.snapshots: list[str] = []
        self.close: tuple[int, str] | None = None

    async def read(self) -> None:
        """Read until the connection ends."""
        while (message := await self._socket.receive()).type is aiohttp.WSMsgType.TEXT:
            frame = json.loads(message.data)
            if frame["type"] == "snapshot":
                self.snapshots.append(frame["feed"])
        self.close = (int(self._socket.close_code or 0), str(message.extra))

    async def subscribe(self, *feeds: str) -> None:
        """Subscribe, and wait for the first snapshots."""
        await self._socket.send_json({"type": "subscribe", "feeds": list(feeds)})
        await eventually(lambda: set(self.snapshots) == set(feeds), WITHIN_SECONDS)
        self.snapshots.clear()

    async def closed(self) -> tuple[int, str]:
        """The code and the reason with which the server ends the connection."""
        close = await eventually(lambda: self.close, WITHIN_SECONDS)
        assert close is not None
        return close


Opens = Callable[[str], Awaitable[list[Reader]]]


@pytest.fixture
async def opened(sites: tuple[Site, Site], tokens: dict[str, str], reporting: None) -> AsyncIterator[Opens]:
    """Opens a connection of a user at each site."""
    async with contextlib.AsyncExitStack() as held:
        http = await held.enter_async_context(aiohttp.ClientSession())

        async def open_one(site: Site, user: str) -> Reader:
            headers = {"Authorization": f"Bearer {tokens[user]}"}
            socket = http.ws_connect(f"{site.url}/ws/", protocols=("mdp.v2",), headers=headers)
            reader = Reader(await held.enter_async_context(socket))
            held.callback(asyncio.create_task(reader.read()).cancel)
            return reader

        async def open_all(user: str) -> list[Reader]:
            return [await open_one(site, user) for site in sites]

        yield open_all


async def acted(site: Site, name: str, **values: Any) -> Outcome:
    """Run an action while the clients read on."""
    return await asyncio.to_thread(act, site, name, 20.0, **values)


async def test_all_clients_of_a_feed_get_it_once_more_from_every_process(
    sites: tuple[Site, Site], opened: Opens, redis_url: str, keys: Keys
) -> None:
    market = Market(redis_url, keys)
    for board in (TOP_GAINERS, TOP_LOSERS):
        await market.board(board, {"AAPL": {"rank": 1, "close": 10.0}})
    await market.close()
    readers = await opened("ada")
    for reader in readers:
        await reader.subscribe(TOP_GAINERS, TOP_LOSERS)

    done = await acted(sites[0], "resync_clients", feed=TOP_GAINERS)
    assert (done.outcome, sorted(done.done_by)) == ("applied", sorted(done.expected))
    assert done.text.count("sent 1 snapshot to 1 connection") == 2
    assert f"each connection that has {TOP_GAINERS}" in done.impact
    await eventually(lambda: all(each.snapshots == [TOP_GAINERS] for each in readers), WITHIN_SECONDS)

    done = await acted(sites[0], "resync_clients")
    assert done.text.count("sent 2 snapshots to 1 connection") == 2
    await eventually(lambda: all(len(each.snapshots) == 3 for each in readers), WITHIN_SECONDS)


async def test_a_user_is_disconnected_from_every_process_and_may_come_back(
    sites: tuple[Site, Site], opened: Opens
) -> None:
    readers, stay = await opened("bert"), await opened("ada")
    done = await acted(sites[0], "disconnect_user", user="bert")
    assert done.outcome == "applied"
    assert done.text.count("ended 1 connection") == 2
    for reader in readers:
        assert await reader.closed() == (CloseCode.DISCONNECTED, CloseCode.DISCONNECTED.reason)
    assert CloseCode.DISCONNECTED.reason.startswith("reconnect: ")
    assert [each.close for each in stay + await opened("bert")] == [None] * 4


async def test_a_user_whose_logins_end_too_must_log_in_again(sites: tuple[Site, Site], opened: Opens) -> None:
    readers = await opened("carl")
    done = await acted(sites[0], "disconnect_user", user="carl", ends_logins=True)
    assert done.outcome == "applied"
    assert "Ends 0 sessions and 1 token: the clients must log in again" in done.impact
    for reader in readers:
        assert await reader.closed() == (CloseCode.SESSION_ENDED, CloseCode.SESSION_ENDED.reason)
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await opened("carl")


async def test_the_connections_of_revoked_tokens_end_on_every_process(
    sites: tuple[Site, Site], opened: Opens
) -> None:
    readers = await opened("dora")
    done = await acted(sites[0], "revoke_tokens", user="dora")
    assert (done.outcome, done.expected, done.text) == ("applied", [], "revoked 1 token of dora")
    for reader in readers:
        assert await reader.closed() == (CloseCode.SESSION_ENDED, CloseCode.SESSION_ENDED.reason)


@contextlib.contextmanager
def running_jobs(site: Site) -> Iterator[None]:
    """A process that runs jobs. It is stopped in order: it has children, which a kill would leave."""
    with (site.directory / "jobs.log").open("wb") as log:
        command = [sys.executable, str(MANAGE), "qcluster"]
        process = subprocess.Popen(command, env=site.environment, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait(scaled(20))


def test_a_job_runs_now_and_its_outcome_is_that_of_the_action(
    sites: tuple[Site, Site], reporting: None
) -> None:
    waits = act(sites[0], "run_job", 3.0, job="purge_expired_sessions")
    assert (waits.outcome, waits.text) == ("pending", "the order waits for a process that runs jobs")
    with running_jobs(sites[0]):
        done = act(sites[0], "run_job", 60.0, job="purge_expired_sessions")
    assert done.outcome == "applied"
    assert done.text.startswith("0"), "how many sessions had expired"
