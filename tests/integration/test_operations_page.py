"""The operations page and its feed through a real server: who may see them, and what they say in need."""

import asyncio
import json
import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import aiohttp
import pytest
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.db import OperationalError
from pytest_django import Settings

from marketdata.control.views import JobView
from marketdata.errors import Unavailable
from marketdata.runtime.report import encode_report
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.process_records import ProcessRecords
from tests.support import installation
from tests.support.services import ValkeyServer
from tests.support.widget_site import WidgetSite, logged_in, use_layer

pytestmark = pytest.mark.django_db(transaction=True)

TOLD_WITHIN_SECONDS = 10.0


async def operations(site: WidgetSite, session_key: str | None, method: str = "GET") -> tuple[int, str]:
    """The status and the text of the operations page, as the browser of one login sees it."""
    headers = {"Cookie": f"{settings.SESSION_COOKIE_NAME}={session_key}"} if session_key else {}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.request(method, f"{site.origin}/admin/operations/", allow_redirects=False) as answer,
    ):
        return answer.status, await answer.text()


def document_in(page: str) -> dict[str, Any]:
    """The document with which a page begins."""
    found = re.search(r'<script id="mdp-installation" type="application/json">(.*?)</script>', page)
    assert found is not None
    document: dict[str, Any] = json.loads(found[1])
    return document


async def report(redis_url: str, keys: Keys) -> None:
    """Store the reports of a healthy installation."""
    async with connect(redis_url) as redis:
        records = ProcessRecords(redis, keys)
        for each in installation.healthy_processes().values():
            await records.report(each.identity, encode_report(each), installation.FACTS)


async def test_staff_see_verdict_and_tables_without_a_script(
    site: WidgetSite, redis_url: str, keys: Keys
) -> None:
    await report(redis_url, keys)
    status, page = await operations(site, await logged_in("olga", is_staff=True))
    assert status == HTTPStatus.OK
    assert '<p class="ops-verdict"' in page
    for cell in ("listener events", "processor", "owner of 0, 1"):
        assert f"<td>{cell}</td>" in page
    services = {each["report"]["service"] for each in document_in(page)["overview"]["processes"]}
    assert {"listener", "processor", "scanner", "web", "jobs"} <= services


async def test_others_get_neither_the_page_nor_the_feed(site: WidgetSite) -> None:
    ada = await logged_in("ada")
    assert (await operations(site, ada))[0] == HTTPStatus.FORBIDDEN
    assert (await operations(site, None))[0] == HTTPStatus.FOUND
    async with site.connect(ada) as connection:
        welcome = json.loads(await connection.recv())
        assert "operations" not in welcome["feeds"]
        await connection.send(json.dumps({"type": "subscribe", "feeds": ["operations"]}))
        frame = json.loads(await connection.recv())
        while frame["type"] == "status":
            frame = json.loads(await connection.recv())
    assert (frame["type"], frame["code"], frame["feed"]) == ("error", "forbidden_feed", "operations")


async def test_the_page_is_only_for_reading(site: WidgetSite) -> None:
    assert (await operations(site, await logged_in("olga", is_staff=True), "POST"))[0] in {
        HTTPStatus.FORBIDDEN,
        HTTPStatus.METHOD_NOT_ALLOWED,
    }


async def test_text_of_outside_is_escaped(site: WidgetSite, redis_url: str, keys: Keys) -> None:
    hostile = installation.replaced(
        installation.healthy_processes()["scanner"], name="</script><script>alert(1)</script>"
    )
    async with connect(redis_url) as redis:
        await ProcessRecords(redis, keys).report(hostile.identity, encode_report(hostile), {})
    _, page = await operations(site, await logged_in("olga", is_staff=True))
    assert "<script>alert(1)" not in page
    assert document_in(page)["overview"]["processes"][0]["report"]["name"] == hostile.name


async def test_the_feed_and_the_page_tell_that_the_cache_is_away(
    private_store: ValkeyServer, keys: Keys, settings: Settings, redis_url: str
) -> None:
    use_layer(settings, redis_url, keys.prefix)
    await report(private_store.url, keys)
    olga = await logged_in("olga", is_staff=True)
    async with WidgetSite(private_store.url, keys) as site, site.client(olga) as client:
        await client.say(type="subscribe", feeds=["operations"])
        first = await client.of_type("document")
        assert first["document"]["overview"]["unread"] == {}
        await asyncio.to_thread(private_store.stop)

        def told(frame: dict[str, Any]) -> bool:
            return frame["type"] == "document" and "cache" in frame["document"]["overview"]["unread"]

        away = await client.frame(told, TOLD_WITHIN_SECONDS)
        assert away["document"]["verdict"]["state"] == "unknown"
        assert away["document"]["verdict"]["sentence"].startswith("Cache away")
        assert away["seq"] > first["seq"]
        status, page = await operations(site, olga)
        assert status == HTTPStatus.OK
        assert document_in(page)["verdict"]["state"] == "unknown"


async def test_an_open_feed_tells_that_the_database_is_away_and_a_new_visit_is_told_so(
    redis_url: str, keys: Keys, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_away = False

    async def read_jobs() -> Sequence[JobView]:
        if is_away:
            raise Unavailable("the server closed the connection")
        return ()

    use_layer(settings, redis_url, keys.prefix)
    await report(redis_url, keys)
    olga = await logged_in("olga", is_staff=True)
    async with WidgetSite(redis_url, keys, read_jobs=read_jobs) as site, site.client(olga) as client:
        await client.say(type="subscribe", feeds=["operations"])
        await client.of_type("document")
        is_away = True

        def told(frame: dict[str, Any]) -> bool:
            return frame["type"] == "document" and "database" in frame["document"]["overview"]["unread"]

        away = await client.frame(told, TOLD_WITHIN_SECONDS)
        overview = away["document"]["overview"]
        assert overview["jobs"] is None
        assert overview["processes"]  # the cache is there
        _take_database_away(monkeypatch)
        status, page = await operations(site, olga)
        assert status == HTTPStatus.SERVICE_UNAVAILABLE
        assert "cannot reach its database" in page


def _take_database_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(SessionStore, "load", refuse)
