"""The database of production is stopped, hangs, or is cut off, while clients are connected."""

import asyncio
import contextlib
import json
import re
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final, TypeAlias

import aiohttp
import pytest

from tests.support.deadlines import eventually, scaled
from tests.support.network import CuttableLink
from tests.support.postgres import PostgresServer
from tests.support.services import ServiceMissingError
from tests.support.site import Site

pytestmark = pytest.mark.redis

WITHIN_SECONDS: Final = 30.0
ANSWER_SECONDS: Final = 2
CLOSED_WITHIN_SECONDS: Final = 5.0
HANDSHAKES: Final = 30
PAGES: Final = 30
FAILED: Final = 'mdp_login_looks_total{outcome="failed"}'
CHECKED: Final = "mdp_logins_checked_timestamp_seconds"
Socket: TypeAlias = "aiohttp.ClientWebSocketResponse[bool]"
WAYS: Final = {
    "stopped": (PostgresServer.kill, PostgresServer.start),
    "hanging": (PostgresServer.freeze, PostgresServer.thaw),
}


@pytest.fixture(scope="module")
def database() -> Iterator[PostgresServer]:
    try:
        with PostgresServer() as running:
            yield running
    except ServiceMissingError as missing:
        pytest.fail(str(missing), pytrace=False)


class Programs:
    """The programs of two users, each with a token."""

    def __init__(self, site: Site, http: aiohttp.ClientSession, link: CuttableLink) -> None:
        self.site = site
        self.http = http
        self.link = link
        self._tokens: dict[str, str] = {}

    def add(self, user: str) -> None:
        """Make a user with a token."""
        made = f"from mdp_site.accounts.models import User; User.objects.get_or_create(username={user!r})"
        self.site.manage("shell", "--no-imports", "-c", made)
        self._tokens[user] = self.site.manage("create_api_token", user).strip()

    def connect(self, user: str) -> aiohttp.client._WSRequestContextManager:
        """A WebSocket of a user."""
        headers = {"Authorization": f"Bearer {self._tokens[user]}"}
        return self.http.ws_connect(f"{self.site.url}/ws/", headers=headers, protocols=("mdp.v2",))

    async def metric(self, name: str) -> float:
        """A metric of the web process."""
        async with self.http.get(f"{self.site.url}/metrics") as answer:
            found = re.search(rf"^{re.escape(name)} (\S+)", await answer.text(), re.MULTILINE)
        return float(found[1]) if found else 0.0

    async def readiness(self) -> tuple[int, dict[str, str]]:
        """Whether the process says that it can serve, and what is unavailable."""
        async with self.http.get(f"{self.site.url}/readyz") as answer:
            return answer.status, json.loads(await answer.text())["unready"]


@pytest.fixture
async def programs(database: PostgresServer, redis_url: str, unique_prefix: str) -> AsyncIterator[Programs]:
    """A site, whose process reaches the database over a link that can be cut."""
    settings: dict[str, Any] = {
        "MDC_KEY_PREFIX": f"{unique_prefix}:",
        "LOG_FORMAT": "json",
        "DATABASE_ANSWER_SECONDS": str(ANSWER_SECONDS),
        "CHANNEL_LAYER_URL": redis_url,
    }
    async with aiohttp.ClientSession() as http, CuttableLink(database.port) as link:
        settings["DATABASE_URL"] = database.url.replace(f":{database.port}/", f":{link.port}/")
        site = Site(redis_url=redis_url, oidc_url="http://127.0.0.1:1", **settings)
        with contextlib.closing(site):
            await asyncio.to_thread(site.start)
            made = Programs(site, http, link)
            for user in ("ada", "bob"):
                await asyncio.to_thread(made.add, user)
            yield made


async def answer_to(socket: Socket, within_seconds: float = 2.0) -> None:
    """Ask for a pong, and wait for it."""
    await socket.send_json({"type": "ping", "id": time.monotonic_ns() % 1_000_000})
    async with asyncio.timeout(scaled(within_seconds)):
        while json.loads((await socket.receive()).data)["type"] != "pong":
            pass


async def close_code(socket: Socket) -> int | None:
    async with asyncio.timeout(scaled(WITHIN_SECONDS)):
        while (await socket.receive()).type not in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED):
            pass
    return socket.close_code


@pytest.mark.timeout(int(scaled(120)))
@pytest.mark.parametrize("way", WAYS)
async def test_who_is_connected_stays_and_others_are_told_to_reconnect(
    programs: Programs, database: PostgresServer, way: str
) -> None:
    async with programs.connect("ada") as stays, programs.connect("bob") as goes:
        await eventually(lambda: programs.metric(CHECKED), WITHIN_SECONDS)
        before = await programs.metric(CHECKED)
        away, back = WAYS[way]
        away(database)
        try:
            refused = await asyncio.gather(*(refusal(programs) for _ in range(HANDSHAKES)), heard(stays))
            assert {each for each in refused if each} == {(503, True, "reconnect")}
            assert await programs.readiness() == (503, {"database": "unavailable"})
            assert set(await asyncio.gather(*(page(programs) for _ in range(PAGES)))) == {(503, True)}
            failures = await programs.metric(FAILED)
            await eventually(lambda: has_failed_again(programs, failures), WITHIN_SECONDS)
            assert await programs.metric(CHECKED) <= before + 10
            await asyncio.gather(answer_to(stays), answer_to(goes))
        finally:
            back(database)
        await asyncio.to_thread(revoke, database, "bob")
        began = time.monotonic()
        assert await close_code(goes) == 4401
        assert time.monotonic() - began < scaled(CLOSED_WITHIN_SECONDS)
        await answer_to(stays)
        await eventually(lambda: is_ready(programs), WITHIN_SECONDS)
        async with programs.connect("ada") as comes:
            await answer_to(comes)
    judge_log(programs.site.log)


@pytest.mark.timeout(int(scaled(120)))
async def test_what_was_revoked_while_the_process_was_cut_off_closes_soon_after(
    programs: Programs, database: PostgresServer
) -> None:
    async with programs.connect("ada") as stays, programs.connect("bob") as goes:
        await eventually(lambda: programs.metric(CHECKED), WITHIN_SECONDS)
        programs.link.cut()
        await asyncio.to_thread(revoke, database, "bob")
        await eventually(lambda: has_failed_again(programs, 0), WITHIN_SECONDS)
        await asyncio.gather(answer_to(stays), answer_to(goes))
        programs.link.mend()
        began = time.monotonic()
        assert await close_code(goes) == 4401
        assert time.monotonic() - began < scaled(CLOSED_WITHIN_SECONDS)
        await answer_to(stays)
    judge_log(programs.site.log)


def revoke(database: PostgresServer, user: str) -> None:
    """Revoke the tokens of a user in the database alone, without a notice."""
    owner = "SELECT id FROM accounts_user WHERE username = %s"
    database.run(f"UPDATE accounts_apitoken SET revoked_at = now() WHERE user_id = ({owner})", user)  # noqa: S608 - our words


async def refusal(programs: Programs) -> tuple[int, bool, str]:
    """The status of a refused handshake, whether it says when to return, and the action that it names."""
    url = f"{programs.site.url}/ws/"
    headers = {
        "Authorization": f"Bearer {programs._tokens['ada']}",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Protocol": "mdp.v2",
    }
    async with programs.http.get(url, headers=headers) as answer:
        action = (await answer.text()).partition(":")[0]
        return answer.status, "Retry-After" in answer.headers, action


async def heard(socket: Socket) -> None:
    """Pongs come at once while handshakes wait: the event loop does not wait for the database."""
    for _ in range(10):
        await answer_to(socket, 1.0)


async def page(programs: Programs) -> tuple[int, bool]:
    """The status of a page whose session must be looked up, and whether it says when to return."""
    headers = {"Cookie": "mdp_session=abcdefghijklmnopqrstuvwxyz012345"}
    async with programs.http.get(f"{programs.site.url}/", headers=headers) as answer:
        return answer.status, "Retry-After" in answer.headers


async def has_failed_again(programs: Programs, failures: float) -> bool:
    return await programs.metric(FAILED) > failures


async def is_ready(programs: Programs) -> bool:
    return await programs.readiness() == (200, {})


def judge_log(log: str) -> None:
    """What failed is told, without a traceback, and not for each client."""
    entries: list[dict[str, Any]] = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert [each for each in entries if "exception" in each or "Traceback" in str(each)] == []
    events = [each["event"] for each in entries]
    assert "logins not checked" in events
    assert events.count("logins not checked") <= 4
    assert events.count("dependency unavailable") <= 2
