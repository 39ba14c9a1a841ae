"""A program with a token steers real processes: it stops, changes, starts, reads the audit, and restores."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from marketdata.listener.wanted import SERVICE as LISTENER
from marketdata.runtime.role_settings import PROCESSOR
from tests.support.api_site import Program
from tests.support.deadlines import eventually
from tests.support.running import running_command
from tests.support.services import ValkeyServer, free_port
from tests.support.site import Site

pytestmark = [pytest.mark.redis, pytest.mark.timeout(400)]

KEY: Final = "the-key-of-this-test"
START_SECONDS: Final = 30.0
REPORTED_SECONDS: Final = 10.0
WAIT: Final = "wait=15"
MAKE_OPERATOR: Final = """
from django.contrib.auth.models import Group
from mdp_site.accounts.models import User
from mdp_site.accounts.roles import OPERATORS
User.objects.create(username="ann", is_staff=True).groups.add(Group.objects.get(name=OPERATORS.name))
"""


def is_served(port: int) -> bool:
    """Whether a server accepts connections."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
        return True
    return False


class Platform:
    """A running platform, and the program of an operator."""

    def __init__(self, program: Program) -> None:
        self._program = program

    async def get(self, path: str) -> Any:
        """The answer to a path below the API."""
        answer = await self._program.get(path)
        if answer.status == 429:
            await asyncio.sleep(float(answer.headers["Retry-After"]))  # as any program should
            return await self.get(path)
        assert answer.status == 200, answer.body
        return answer.json

    async def run(self, action: str, **arguments: object) -> Any:
        """The run of an action, as soon as it is applied."""
        body = {"arguments": arguments, "reason": f"{action} it"}
        answer = await self._program.send("POST", f"/actions/{action}/runs", body, Prefer=WAIT)
        assert (answer.status, answer.json["outcome"]) == (200, "applied"), answer.body
        assert (await self._program.ask("GET", answer.headers["Location"])).json == answer.json
        return answer.json

    async def change(self, service: str, **settings: object) -> Any:
        """The revision with these settings, as soon as it is applied."""
        seen = await self._program.get(f"/services/{service}")
        answer = await self._program.send(
            "PATCH",
            f"/services/{service}",
            {"settings": settings, "reason": "change it"},
            If_Match=seen.headers["ETag"],
            Prefer=WAIT,
        )
        assert (answer.status, answer.json["outcome"]) == (200, "applied"), answer.body
        return answer.json

    async def restore(self, service: str, number: int) -> Any:
        """The revision that is equal to an earlier one, as soon as it is applied."""
        answer = await self._program.send(
            "POST", f"/services/{service}/restore", {"revision": number}, If_Match="*", Prefer=WAIT
        )
        assert (answer.status, answer.json["outcome"]) == (200, "applied"), answer.body
        return answer.json

    async def feed(self) -> Any:
        """What the listener reports of the feed; None while it does not."""
        return (await self.get("/operations"))["overview"]["feed"]


@pytest.fixture
async def platform(private_store: ValkeyServer, tmp_path: Path) -> AsyncIterator[Platform]:
    port = free_port()
    with ValkeyServer() as broker:
        ways = {
            "MDC_URL": private_store.url,
            "MDQ_URL": broker.url,
            "MDQ_SHARDS": "2",
            "MASSIVE_FEED": f"127.0.0.1:{port}",
            "MASSIVE_SECURE": "off",
            "MASSIVE_REST_URL": f"http://127.0.0.1:{port}",
            "MASSIVE_API_KEY": KEY,
            "REFERENCE_LOOKUPS_PER_MINUTE": "0",
            "LOG_LEVEL": "ERROR",
        }
        with Site(redis_url=private_store.url, oidc_url="http://127.0.0.1:1", port=None, **ways) as site:
            site.manage("shell", "--no-imports", "-c", MAKE_OPERATOR)
            scopes = ("--scope", "control", "--scope", "read:operations")
            secret = site.manage("create_api_token", "ann", *scopes).strip()
            environment = ways | {"STATE_DIR": str(tmp_path)}
            market = ("--port", port, "--api-key", KEY, "--start", "2026-11-20T10:59:58", "--symbols", "50")
            async with contextlib.AsyncExitStack() as stack:

                async def start(*command: object) -> None:
                    arguments = (*command, "--health-port", "0")
                    await stack.enter_async_context(running_command(*arguments, **environment))

                await start("run_simulator", *market)
                await start("run_processor")
                # A listener that reaches no provider asks the calendar, and at night waits for the morning.
                await eventually(lambda: is_served(port), START_SECONDS)
                await start("run_listener")
                http = await stack.enter_async_context(aiohttp.ClientSession())
                program = Program(http, site.url, {"Authorization": f"Bearer {secret}"})
                yield Platform(program)


async def test_an_operator_steers_the_platform_by_the_api_alone(platform: Platform) -> None:
    async def is_live() -> bool:
        feed = await platform.feed()
        return feed is not None and feed["state"] == "live"

    async def owns_shards() -> bool:
        return all(shard["owners"] for shard in (await platform.get("/shards"))["shards"])

    await eventually(is_live, START_SECONDS)
    await eventually(owns_shards, START_SECONDS)
    settings = (await platform.get(f"/services/{LISTENER}"))["settings"]
    subscribed = next(each["value"] for each in settings if each["name"] == "subscriptions")
    assert len(subscribed) > 1

    stopped = await platform.run("stop", service=LISTENER)
    assert stopped["revision"] == 1

    async def is_stopped() -> bool:  # the overview may be a second old
        return bool((await platform.feed())["state"] == "stopped")

    await eventually(is_stopped, REPORTED_SECONDS)

    first = await platform.change(LISTENER, subscriptions=subscribed[:1])
    assert first["given"] == {"running": False, "subscriptions": subscribed[:1]}
    await platform.run("start", service=LISTENER)
    await eventually(is_live, START_SECONDS)

    async def has_subscriptions() -> bool:
        return bool((await platform.feed())["applied"]["subscriptions"] == subscribed[:1])

    await eventually(has_subscriptions, REPORTED_SECONDS)

    off = await platform.change(PROCESSOR, analyzers_off=["daily_range"])

    async def is_reported() -> bool:  # so may the reports be
        [processor] = (await platform.get(f"/services/{PROCESSOR}"))["processes"]
        return bool(processor["applied_revision"] == off["revision"])

    await eventually(is_reported, REPORTED_SECONDS)

    entries = (await platform.get(f"/audit?who=ann&service={LISTENER}"))["entries"]
    assert [(each["action"], each["revision"], each["reason"]) for each in reversed(entries)] == [
        ("stop", 1, "stop it"),
        ("change", 2, "change it"),
        ("start", 3, "start it"),
    ]
    restored = await platform.restore(LISTENER, 1)
    assert restored["given"] == {"running": False}
    await eventually(is_stopped, REPORTED_SECONDS)
    assert (await platform.restore(LISTENER, 0))["given"] == {}
    assert (await platform.restore(PROCESSOR, 0))["given"] == {}
    await eventually(is_live, START_SECONDS)
    page = await platform.get(f"/services/{LISTENER}/revisions")
    assert [each["revision"] for each in page["revisions"]] == [5, 4, 3, 2, 1]
