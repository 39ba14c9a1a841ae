"""The history, and the search of connections, over several web processes, as the operations page asks."""

import asyncio
import contextlib
import itertools
import json
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from django.conf import settings as site_settings
from pytest_django import Settings
from redis.asyncio import Redis

from marketdata.control.history import SAMPLE_SECONDS, Sample, encode_sample
from marketdata.control.verdict import Health
from marketdata.runtime.report import encode_report
from marketdata.store.history_records import MOST_SAMPLES, HistoryRecords
from marketdata.store.keys import Keys
from marketdata.store.process_records import ProcessRecords
from tests.support import installation
from tests.support.deadlines import eventually, scaled
from tests.support.running import running_command
from tests.support.services import ValkeyServer
from tests.support.widget_site import WidgetSite, logged_in, use_layer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.redis]


async def answer(
    site: WidgetSite, path: str, session_key: str | None, method: str = "GET"
) -> tuple[int, Any]:
    """The status and, if it is JSON, the content of what a page of the site is answered."""
    name = site_settings.SESSION_COOKIE_NAME
    headers = {"Cookie": f"{name}={session_key}"} if session_key else {}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.request(method, f"{site.origin}/admin/operations/{path}", allow_redirects=False) as reply,
    ):
        is_json = reply.content_type == "application/json"
        return reply.status, await reply.json() if is_json else None


async def report(redis: Redis, keys: Keys) -> None:
    """Store the reports of a healthy installation."""
    for each in installation.healthy_processes().values():
        await ProcessRecords(redis, keys).report(each.identity, encode_report(each), installation.FACTS)


async def test_two_web_processes_add_one_sample_at_a_time_and_one_goes_on_alone(
    redis: Redis, redis_url: str, keys: Keys, settings: Settings
) -> None:
    use_layer(settings, redis_url, keys.prefix)
    await report(redis, keys)
    olga = await logged_in("olga", is_staff=True)

    async def samples(site: WidgetSite) -> list[dict[str, Any]]:
        status, found = await answer(site, "history", olga)
        assert status == HTTPStatus.OK
        return list(found)

    async with WidgetSite(redis_url, keys) as second, contextlib.AsyncExitStack() as stack:
        first = await stack.enter_async_context(WidgetSite(redis_url, keys))

        async def has(count: int) -> bool:
            return len(await samples(second)) >= count

        await eventually(lambda: has(2), 4 * SAMPLE_SECONDS)
        assert await samples(first) == await samples(second)
        await stack.aclose()
        before = len(await samples(second))
        await eventually(lambda: has(before + 2), 6 * SAMPLE_SECONDS)
        at_ms = [each["at_ms"] for each in await samples(second)]
    steps = [after - earlier for earlier, after in itertools.pairwise(at_ms)]
    assert min(steps) > SAMPLE_SECONDS * 500  # never two at once
    assert at_ms == sorted(at_ms)


async def test_the_list_is_bounded_and_of_the_turns_only_one_is_given(redis: Redis, keys: Keys) -> None:
    records = HistoryRecords(redis, keys)
    for number in range(MOST_SAMPLES + 20):
        await records.append(encode_sample(Sample(at_ms=number, state=Health.HEALTHY)))
    assert len((await records.samples()).values) == MOST_SAMPLES
    assert 0 < await redis.ttl(keys.history()) <= 16 * 60
    waits = await asyncio.gather(*(records.claim(5_000) for _ in range(20)))
    assert min(waits) == 0
    assert all(0 < wait <= 5_000 for wait in sorted(waits)[1:])


async def test_a_turn_that_was_taken_in_the_future_is_taken_again(redis: Redis, keys: Keys) -> None:
    seconds, _ = await redis.time()
    await redis.set(keys.history_claimed(), (seconds + 3_600) * 1_000)
    assert await HistoryRecords(redis, keys).claim(5_000) == 0


async def test_a_search_finds_the_connections_of_a_user_in_all_web_processes(
    redis_url: str, keys: Keys, settings: Settings
) -> None:
    use_layer(settings, redis_url, keys.prefix)
    olga, ann = await logged_in("olga", is_staff=True), await logged_in("ann")
    async with WidgetSite(redis_url, keys) as one, WidgetSite(redis_url, keys) as two:
        async with one.client(ann) as here, two.client(ann), one.client(olga):
            await here.say(type="subscribe", feeds=["status"])

            async def both_answer() -> bool:
                return bool((await answer(one, "connections?user=ANN", olga))[1]["processes_answered"] == 2)

            await eventually(both_answer, 5.0)
            _, found = await answer(two, "connections?user=ann", olga)
            assert (found["total"], found["processes_asked"]) == (2, 2)
            for each in found["connections"]:
                assert each["connection"]["user"] == "ann"
                assert each["connection"]["address"] == "127.0.0.1"
                assert each["connection"]["way"] == "session"
                assert each["connection"]["protocol"] == "mdp.v2"

        async def gone() -> bool:
            return bool((await answer(one, "connections?user=ann", olga))[1]["total"] == 0)

        await eventually(gone, 5.0)


@pytest.mark.parametrize("path", ["history", "connections?user=ann"])
async def test_only_those_who_may_see_operations_are_answered(site: WidgetSite, path: str) -> None:
    assert (await answer(site, path, None))[0] == HTTPStatus.FOUND
    assert (await answer(site, path, await logged_in("ada")))[0] == HTTPStatus.FORBIDDEN
    olga = await logged_in("olga", is_staff=True)
    assert (await answer(site, path, olga))[0] == HTTPStatus.OK
    assert (await answer(site, path, olga, "POST"))[0] in {
        HTTPStatus.FORBIDDEN,
        HTTPStatus.METHOD_NOT_ALLOWED,
    }


@pytest.mark.parametrize("query", ["", "?user=", f"?user={'x' * 151}"])
async def test_a_search_without_a_name_says_what_is_accepted(site: WidgetSite, query: str) -> None:
    status, found = await answer(site, f"connections{query}", await logged_in("olga", is_staff=True))
    assert status == HTTPStatus.BAD_REQUEST
    assert "accepted is a user's name of 1 to 150" in found["error"]


async def test_without_the_cache_both_say_so(
    private_store: ValkeyServer, keys: Keys, settings: Settings, redis_url: str
) -> None:
    use_layer(settings, redis_url, keys.prefix)
    olga = await logged_in("olga", is_staff=True)
    async with WidgetSite(private_store.url, keys) as site:
        await asyncio.to_thread(private_store.stop)
        for path in ("history", "connections?user=ann"):
            async with asyncio.timeout(scaled(10)):
                status, found = await answer(site, path, olga)
            assert status == HTTPStatus.SERVICE_UNAVAILABLE
            assert found["error"].startswith("the cache is away")


async def test_the_terminal_prints_the_history_on_request(
    redis: Redis, redis_url: str, keys: Keys, tmp_path: Path
) -> None:
    seconds, _ = await redis.time()
    sample = Sample(at_ms=seconds * 1_000, state=Health.DOWN, rule="no process")
    await HistoryRecords(redis, keys).append(encode_sample(sample))
    environment = {"MDC_URL": redis_url, "MDC_KEY_PREFIX": keys.prefix, "STATE_DIR": str(tmp_path)}

    async def printed(*arguments: str) -> str:
        async with running_command("status", *arguments, **environment) as process:
            output, _ = await asyncio.wait_for(process.communicate(), scaled(30))
            return (output or b"").decode()

    document = json.loads(await printed("--json", "--history"))
    assert document["history"] == [{"at_ms": sample.at_ms, "state": "down", "rule": "no process"}]
    assert "history" not in json.loads(await printed("--json"))
