"""The web process as its supervisor sees it: refusing to start, stopping in time, and saying what fails."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator

import aiohttp
import pytest

from tests.support.deadlines import eventually, scaled
from tests.support.services import ValkeyServer, free_port
from tests.support.site import MANAGE, Site

GOING_AWAY = 1001
SERVICE_RESTART = 1012
STOPS_WITHIN_SECONDS = 10.0


@pytest.fixture
def site(redis_url: str) -> Iterator[Site]:
    with Site(redis_url=redis_url, oidc_url="http://127.0.0.1:1") as server:
        yield server


def bearer(site: Site) -> dict[str, str]:
    """A header by which a program comes in."""
    site.manage(
        "shell",
        "--no-imports",
        "-c",
        "from mdp_site.accounts.models import User; User.objects.create_user('bot')",
    )
    return {"Authorization": f"Bearer {site.manage('create_api_token', 'bot').strip()}"}


async def test_sigterm_ends_with_0_in_time_though_sockets_are_open(site: Site) -> None:
    async with aiohttp.ClientSession(headers=bearer(site)) as http:
        sockets = [await http.ws_connect(f"{site.url}/ws/", protocols=("mdp.v2",)) for _ in range(5)]
        for socket in sockets:
            assert (await socket.receive_json())["type"] == "welcome"
        started = time.monotonic()
        assert site.end() == 0
        assert time.monotonic() - started < scaled(STOPS_WITHIN_SECONDS)
        for socket in sockets:
            while not socket.closed:
                await socket.receive(timeout=scaled(5))
            assert socket.close_code in (GOING_AWAY, SERVICE_RESTART)


async def test_readiness_names_the_cache_that_is_gone_and_hides_the_details() -> None:
    with ValkeyServer() as cache, Site(redis_url=cache.url, oidc_url="http://127.0.0.1:1") as site:
        async with aiohttp.ClientSession() as http:

            async def readiness() -> tuple[int, dict[str, object]]:
                async with http.get(f"{site.url}/readyz") as answer:
                    return answer.status, json.loads(await answer.text())["unready"]

            async def unready() -> bool:
                return await readiness() == (503, {"cache": "unavailable"})

            async def ready() -> bool:
                return await readiness() == (200, {})

            await eventually(ready, 5)
            cache.kill()
            await eventually(unready, 10)
            async with http.get(f"{site.url}/healthz") as answer:
                assert answer.status == 200
            cache.start()
            await eventually(ready, 10)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"MDQ_SHARDS": "0"}, "MDQ_SHARDS='0' is not valid; accepted: a whole number from 1 to 256"),
        ({"METRICS_NETWORKS": "here"}, "METRICS_NETWORKS contains ['here']"),
    ],
)
def test_a_wrong_setting_ends_the_process_before_it_serves(
    site: Site, settings: dict[str, str], expected: str
) -> None:
    for command in (
        [sys.executable, str(MANAGE), "run_web", "--port", str(free_port())],
        [sys.executable, "-c", "import mdp_site.asgi"],  # as another ASGI server would load it
    ):
        result = subprocess.run(
            command,
            env=site.environment | settings,
            capture_output=True,
            text=True,
            timeout=scaled(30),
            check=False,
        )
        assert result.returncode == 1
        assert expected in result.stderr


def test_an_address_in_use_is_named(site: Site) -> None:
    result = subprocess.run(
        [sys.executable, str(MANAGE), "run_web", "--port", str(site.port)],
        env=site.environment,
        capture_output=True,
        text=True,
        timeout=scaled(30),
        check=False,
    )
    assert result.returncode == 1
    assert f"127.0.0.1:{site.port} cannot be served" in result.stderr
