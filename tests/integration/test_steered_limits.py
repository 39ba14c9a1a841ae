"""Operators change the limits of clients while a web process runs. No open connection is ended by that."""

import asyncio
import contextlib
import re
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import aiohttp
import pytest

from tests.support.deadlines import eventually_sync, scaled
from tests.support.site import Site
from widgets.protocol import CloseCode

pytestmark = pytest.mark.redis

WITHIN_SECONDS = 10.0
READING_SECONDS = 0.2


@pytest.fixture
def site(redis_url: str, unique_prefix: str) -> Iterator[Site]:
    with Site(
        redis_url=redis_url,
        oidc_url="http://127.0.0.1:1",
        MDC_KEY_PREFIX=f"{unique_prefix}:",
        WEB_CONNECTIONS_PER_USER="5",
    ) as server:
        yield server


@pytest.fixture
async def http(site: Site) -> AsyncIterator[aiohttp.ClientSession]:
    """The requests of a program with a token."""
    create = "from mdp_site.accounts.models import User; User.objects.create_user('bot')"
    site.manage("shell", "--no-imports", "-c", create)
    headers = {"Authorization": f"Bearer {site.manage('create_api_token', 'bot').strip()}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        yield session


@contextlib.asynccontextmanager
async def connected(
    site: Site, http: aiohttp.ClientSession
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with http.ws_connect(f"{site.url}/ws/", protocols=("mdp.v2",)) as client:
        yield client


async def welcome(client: aiohttp.ClientWebSocketResponse) -> dict[str, Any]:
    frame: dict[str, Any] = await client.receive_json(timeout=scaled(WITHIN_SECONDS))
    assert frame["type"] == "welcome"
    return frame


async def close_of(client: aiohttp.ClientWebSocketResponse) -> tuple[int, str]:
    """Read on until the server closes the connection."""
    while True:
        message = await client.receive(timeout=scaled(WITHIN_SECONDS))
        if message.type is aiohttp.WSMsgType.CLOSE:
            return message.data, str(message.extra)
        assert message.type is aiohttp.WSMsgType.TEXT, message


async def still_answers(client: aiohttp.ClientWebSocketResponse) -> bool:
    await client.send_json({"type": "ping", "id": 7})
    while (frame := await client.receive_json(timeout=scaled(WITHIN_SECONDS)))["type"] != "pong":
        pass
    return bool(frame["id"] == 7)


async def steer(site: Site, *changes: str, reading: Sequence[aiohttp.ClientWebSocketResponse] = ()) -> None:
    """Change settings at the terminal. Meanwhile these clients read on, and so answer the server's pings."""
    steering = asyncio.create_task(asyncio.to_thread(site.manage, "control", "web", *changes))
    while not steering.done():
        for client in reading:
            with contextlib.suppress(TimeoutError):
                message = await client.receive(timeout=READING_SECONDS)
                assert message.type is aiohttp.WSMsgType.TEXT, message
        await asyncio.wait([steering], timeout=READING_SECONDS)
    assert "applied by 1 of 1 processes" in await steering


async def test_connections_of_a_user_are_lowered_and_raised(site: Site, http: aiohttp.ClientSession) -> None:
    async with connected(site, http) as first, connected(site, http) as second:
        assert (await welcome(first))["limits"]["connections_per_user"] == 5
        await welcome(second)

        await steer(site, "connections_per_user=2", "reconnect_restart_ms=700", reading=(first, second))
        async with connected(site, http) as refused:
            close = CloseCode.TOO_MANY_CONNECTIONS
            assert await close_of(refused) == (close.value, close.reason_of("connections_per_user"))
        assert await still_answers(first)
        assert await still_answers(second)

        await steer(site, "connections_per_user=3", reading=(first, second))
        async with connected(site, http) as third:
            told = await welcome(third)
        assert told["limits"]["connections_per_user"] == 3
        assert told["reconnect"]["restart_ms"] == [500, 700]


async def test_pings_in_a_second_are_lowered_for_open_connections_and_raised(
    site: Site, http: aiohttp.ClientSession
) -> None:
    async with connected(site, http) as client:
        await welcome(client)
        for _ in range(20):
            await client.ping()
        assert await still_answers(client)

        await steer(site, "control_frames_per_second=0.1", "control_frames_burst=2", reading=(client,))
        for _ in range(3):
            await client.ping()
        close = CloseCode.TOO_MANY_FRAMES
        assert await close_of(client) == (close.value, close.reason)

    await steer(site, "control_frames_per_second=", "control_frames_burst=")
    async with connected(site, http) as client:
        await welcome(client)
        for _ in range(20):
            await client.ping()
        assert await still_answers(client)


async def test_limits_that_do_not_go_together_are_refused_and_the_former_ones_hold(
    site: Site, http: aiohttp.ClientSession
) -> None:
    with pytest.raises(subprocess.CalledProcessError) as failed:
        site.manage("control", "web", "--json", "connections_per_user=4", "message_bytes_per_second=10")
    assert "message_bytes_per_second is 10" in failed.value.stdout
    assert failed.value.returncode == 1
    async with connected(site, http) as client:
        limits = (await welcome(client))["limits"]
    assert (limits["connections_per_user"], limits["message_bytes_per_second"]) == (5, 65_536)


async def test_a_paused_web_process_closes_its_connections_and_tells_it_until_it_serves_again(
    site: Site, http: aiohttp.ClientSession
) -> None:
    async with connected(site, http) as client:
        await welcome(client)
        await steer(site, "running=off")
        code, reason = await close_of(client)
        assert (code, reason.split(":")[0]) == (CloseCode.RESTART, "reconnect")
    async with connected(site, http) as refused:
        assert (await close_of(refused))[0] == CloseCode.RESTART
    async with http.get(f"{site.url}/readyz") as answer:
        body = await answer.json()
        assert (answer.status, list(body["unready"])) == (503, ["web"])
    await steer(site, "running=")
    async with connected(site, http) as client:
        await welcome(client)
    async with http.get(f"{site.url}/readyz") as answer:
        assert answer.status == 200


async def shows(client: aiohttp.ClientWebSocketResponse, banner: str) -> None:
    """Read on until a status has this banner."""
    while (frame := await client.receive_json())["type"] != "status" or frame["banner"] != banner:
        pass


async def test_a_banner_reaches_the_connections_of_all_users_within_two_seconds(
    site: Site, http: aiohttp.ClientSession
) -> None:
    async with connected(site, http) as client:
        await welcome(client)
        await shows(client, "")  # the state of the data is known from now on
        steering = asyncio.create_task(steer(site, "banner=Late <b>trades</b> today"))
        shown = asyncio.create_task(shows(client, "Late <b>trades</b> today"))  # it answers pings meanwhile
        await steering
        await asyncio.wait_for(shown, scaled(2.0))
    with pytest.raises(subprocess.CalledProcessError):
        site.manage("control", "web", f"banner={501 * 'x'}")


def test_a_web_process_restarts_in_place_and_serves_again(site: Site) -> None:
    def identities() -> list[str]:
        return re.findall(r"^(\S+:\d+:\d+): revision", site.manage("control", "web"), re.MULTILINE)

    (before,) = identities()
    with contextlib.suppress(subprocess.CalledProcessError):  # the process that shall report it stops
        site.manage("control", "web", f"restarting={before}")
    (after,) = eventually_sync(lambda: [each for each in identities() if each != before], 30)
    assert after.split(":")[:2] == before.split(":")[:2], "the machine and the process id"
    assert site.end() == 0
