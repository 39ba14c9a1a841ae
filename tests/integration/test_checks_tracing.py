"""Traces of the web process arrive at a collector, without probes and without WebSocket frames."""

import urllib.request
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from tests.support.deadlines import eventually
from tests.support.services import free_port
from tests.support.site import Site


class Collector:
    """Keeps what is sent to `/v1/traces`."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    async def receive(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        return web.Response(body=b"", content_type="application/x-protobuf")

    def heard(self, words: bytes) -> bool:
        return any(words in body for body in self.bodies)


@pytest.fixture
async def collector() -> AsyncIterator[tuple[Collector, str]]:
    kept, port = Collector(), free_port()
    app = web.Application()
    app.router.add_post("/v1/traces", kept.receive)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield kept, f"http://127.0.0.1:{port}"
    await runner.cleanup()


async def test_requests_are_traced_but_no_probes(redis_url: str, collector: tuple[Collector, str]) -> None:
    kept, endpoint = collector
    with Site(
        redis_url=redis_url,
        oidc_url="http://127.0.0.1:1",
        OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
        OTEL_TRACES_SAMPLER="always_on",
        OTEL_BSP_SCHEDULE_DELAY="100",
    ) as site:
        async with aiohttp.ClientSession() as http:
            for path in ("/healthz", "/readyz", "/accounts/login/"):
                async with http.get(f"{site.url}{path}") as answer:
                    assert answer.status == 200
        await eventually(lambda: kept.heard(b"accounts/login/"), 10)
    assert not kept.heard(b"/healthz")
    assert not kept.heard(b"/readyz")


def test_a_collector_that_is_away_does_not_delay_the_end(redis_url: str) -> None:
    with Site(
        redis_url=redis_url,
        oidc_url="http://127.0.0.1:1",
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1",
        OTEL_TRACES_SAMPLER="always_on",
    ) as site:
        with urllib.request.urlopen(f"{site.url}/accounts/login/", timeout=5) as answer:  # noqa: S310 - ours
            assert answer.status == 200
        assert site.end() == 0
