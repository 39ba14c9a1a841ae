"""A REST service that answers in every odd way: each costs its part, and is told."""

import asyncio
import contextlib
import datetime as dt
import gzip
import io
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeAlias

import pytest
from aiohttp import web
from django.core.management import call_command
from pytest_django.fixtures import Settings

from marketdata.errors import ContentError, MarketDataError, ProviderRefused, ProviderUnavailable
from marketdata.jobs import (
    ReferenceConfiguration,
    RefreshOutcome,
    load_state,
    refresh,
    refresh_reference_data,
)
from marketdata.providers.massive.rest.market_status import RestMarketStatus
from marketdata.providers.massive.rest.source import RestSource
from marketdata.reference.flaws import FlawReason, named
from marketdata.runtime.backoff import Backoff
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.snapshots import SnapshotReader
from tests.support.builders import block_rows, new_york_ms
from tests.support.deadlines import scaled
from tests.support.massive import rest_settings
from tests.support.scripted_provider import ScriptedRest

KEY = "a-key-of-some-length"
DATE = "2026-11-16"
PREVIOUS = "2026-11-13"
STATUS = "/v1/marketstatus/now"
BARS = "/v2/aggs/grouped/locale/us/market/stocks/"
FLOATS = "/stocks/vX/float"
TICKERS = "/v3/reference/tickers"
SPLITS = "/v3/reference/splits"
SNAPSHOT = "/v2/snapshot/locale/us/markets/stocks/tickers"
MINUTES = "/v2/aggs/ticker/"
HTML = "<html>maintenance</html>"
Answer: TypeAlias = Callable[[web.Request], Any]


def bars(request: web.Request) -> dict[str, object]:
    return session(request.path.rpartition("/")[2])


def session(date: str) -> dict[str, object]:
    """The bars of two symbols on a session date."""
    fields = {"o": 9, "h": 50, "l": 8, "c": 42, "v": 100, "vw": 10, "t": new_york_ms(date, "16:00:00")}
    return {"status": "OK", "results": [{"T": "IBM", **fields}, {"T": "X", **fields}]}


def minutes(_request: web.Request) -> dict[str, object]:
    """A minute of each of three sessions and of today."""
    times = [new_york_ms(date, "09:31:00") for date in ("2026-11-11", "2026-11-12", PREVIOUS, DATE)]
    return {"results": [{"t": time_ms, "v": 5} for time_ms in times]}


@pytest.fixture
async def rest() -> AsyncIterator[ScriptedRest]:
    updated = new_york_ms(DATE, "10:00:00") * 1_000_000
    answers: dict[str, Any] = {
        STATUS: {"serverTime": f"{DATE}T10:00:00-05:00"},
        BARS: bars,
        FLOATS: {"results": [{"ticker": "IBM", "free_float": 5_000}]},
        TICKERS: {"results": [{"ticker": "IBM", "type": "CS", "primary_exchange": "XNYS"}]},
        SPLITS: {"results": []},
        SNAPSHOT: {"tickers": [{"ticker": "IBM", "updated": updated, "day": {"h": 43, "l": 41}}]},
        MINUTES: minutes,
    }
    async with ScriptedRest(answers) as server:
        yield server


def impatient(url: str, key: str = KEY, **options: Any) -> RestSource:
    def soon() -> Backoff:
        return Backoff(initial_seconds=0.001, maximum_seconds=0.002)

    return RestSource(url, key, attempts=3, make_backoff=soon, **options)


@pytest.fixture
def configuration(
    rest: ScriptedRest,
    redis_url: str,
    unique_prefix: str,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> ReferenceConfiguration:
    monkeypatch.setattr("marketdata.providers.massive.rest.source.RestSource", impatient)
    settings.PROVIDER_SETTINGS = rest_settings(rest.url, KEY)
    settings.MDC_URL, settings.MDC_KEY_PREFIX = redis_url, f"{unique_prefix}:"
    return ReferenceConfiguration(
        provider="massive",
        provider_settings=rest_settings(rest.url, KEY),
        cache_url=redis_url,
        key_prefix=f"{unique_prefix}:",
    )


async def stored_rows(configuration: ReferenceConfiguration) -> dict[str, dict[str, float | None]]:
    async with contextlib.aclosing(connect(configuration.cache_url)) as redis:
        block = await SnapshotReader(redis, Keys(configuration.key_prefix)).reference()
    assert block is not None
    return block_rows(block)


def put_first(rest: ScriptedRest, path: str, answer: Any) -> None:
    """Answer a path in this way, whatever answers the paths that begin alike."""
    rest.answers = {path: answer, **{other: it for other, it in rest.answers.items() if other != path}}


def html(_request: web.Request) -> web.Response:
    return web.Response(text=HTML, content_type="text/html")


def cut(_request: web.Request) -> web.Response:
    return web.Response(text='{"status":"OK","results":[{"T":"IBM","o"', content_type="application/json")


def cut_gzip(_request: web.Request) -> web.Response:
    packed = gzip.compress(json.dumps({"results": list(range(10_000))}).encode())
    return web.Response(body=packed[: len(packed) // 2], headers={"Content-Encoding": "gzip"})


def says_error(_request: web.Request) -> dict[str, object]:
    return {"status": "ERROR", "error": "internal"}


def fewer_than_told(_request: web.Request) -> dict[str, object]:
    return {"status": "OK", "resultsCount": 11_000, "results": [{"T": "IBM"}]}


@pytest.mark.parametrize("odd", [html, cut, cut_gzip, says_error, fewer_than_told])
async def test_an_answer_that_is_none_is_asked_for_again(rest: ScriptedRest, odd: Answer) -> None:
    answers = iter([odd, odd])

    def recovering(request: web.Request) -> Any:
        return next(answers, bars)(request)

    rest.answers[BARS] = recovering
    async with impatient(rest.url) as source:
        found = await source.daily_bars(dt.date(2026, 11, 13))
        assert ([bar.symbol for bar in found], source.requests) == (["IBM", "X"], 3)


async def test_when_the_patience_of_a_job_is_used_up_nothing_is_asked_twice(rest: ScriptedRest) -> None:
    rest.answers[STATUS] = lambda _request: web.Response(status=503)
    async with impatient(rest.url, patience_seconds=0.0) as source:
        with pytest.raises(ProviderUnavailable):
            await source.market_time_ms()
        assert source.requests == 1


@pytest.mark.parametrize("odd", [html, cut, cut_gzip, says_error, fewer_than_told])
async def test_a_previous_session_that_is_no_answer_is_named_and_loaded_as_soon_as_it_is_there(
    rest: ScriptedRest, configuration: ReferenceConfiguration, odd: Answer
) -> None:
    put_first(rest, f"{BARS}{PREVIOUS}", odd)
    first = await refresh(configuration, only_if_stale=True)
    assert first.loaded is not None
    assert [flaw.name for flaw in first.loaded.flaws] == [f"daily bars of {PREVIOUS}"]
    assert (await stored_rows(configuration))["IBM"]["prev_day_close"] is None
    assert f"daily bars of {PREVIOUS}" in await asyncio.to_thread(refresh_reference_data)

    del rest.answers[f"{BARS}{PREVIOUS}"]
    second = await refresh(configuration, only_if_stale=True)

    assert second.loaded is not None
    assert second.loaded.flaws == ()
    assert (await stored_rows(configuration))["IBM"]["prev_day_close"] == 42.0
    assert (await refresh(configuration, only_if_stale=True)).outcome is RefreshOutcome.CURRENT


@pytest.mark.parametrize("empty", [{"results": []}, {"resultsCount": 0}, {"results": None}])
async def test_an_empty_previous_session_is_tried_again_and_told_to_operators(
    rest: ScriptedRest, configuration: ReferenceConfiguration, empty: dict[str, object]
) -> None:
    put_first(rest, f"{BARS}{PREVIOUS}", {"status": "OK", **empty})
    await refresh(configuration, only_if_stale=True)

    assert (await stored_rows(configuration))["IBM"]["prev_day_close"] is None
    out = io.StringIO()
    await asyncio.to_thread(call_command, "load_reference", "--status", stdout=out)
    assert f"daily bars of {PREVIOUS}: answered without a row" in out.getvalue()
    assert "loads the missing parts again" in out.getvalue()

    del rest.answers[f"{BARS}{PREVIOUS}"]
    assert (await refresh(configuration, only_if_stale=True)).outcome is RefreshOutcome.LOADED
    assert (await stored_rows(configuration))["IBM"]["prev_day_close"] == 42.0


async def test_a_failed_run_does_not_make_anybody_forget_what_is_missing(
    rest: ScriptedRest, configuration: ReferenceConfiguration
) -> None:
    rest.answers[FLOATS] = html
    await refresh(configuration, only_if_stale=True)
    good = rest.answers[BARS]
    rest.answers[BARS] = html
    with pytest.raises(ContentError):
        await refresh(configuration, only_if_stale=True)
    assert (await stored_rows(configuration))["IBM"]["prev_day_close"] == 42.0

    rest.answers[BARS] = good
    rest.answers[FLOATS] = {"results": [{"ticker": "IBM", "free_float": 5_000}]}
    assert (await refresh(configuration, only_if_stale=True)).outcome is RefreshOutcome.LOADED
    assert (await stored_rows(configuration))["IBM"]["free_float"] == 5_000.0


@pytest.mark.parametrize(
    ("path", "part"),
    [
        (FLOATS, "floats"),
        (TICKERS, "tickers"),
        (SPLITS, "splits"),
        (SNAPSHOT, "snapshot"),
        (MINUTES, "volume curve"),
        (f"{BARS}2026-11-03", "daily bars of 2026-11-03"),
    ],
)
@pytest.mark.parametrize("status", [400, 404])
async def test_a_refused_part_is_missing_and_named_and_a_later_load_takes_nothing_away(
    rest: ScriptedRest, configuration: ReferenceConfiguration, path: str, part: str, status: int
) -> None:
    await refresh(configuration, only_if_stale=True)
    before = await stored_rows(configuration)
    words = {"status": "NOT_FOUND" if status == 404 else "ERROR", "error": "no"}
    put_first(rest, path, lambda _request: web.json_response(words, status=status))

    loaded = (await refresh(configuration, only_if_stale=False)).loaded

    assert loaded is not None
    assert named(loaded.flaws, FlawReason.REFUSED) == (part,)
    assert await stored_rows(configuration) == before


async def test_pages_without_end_are_given_up_and_named(
    rest: ScriptedRest, configuration: ReferenceConfiguration
) -> None:
    rest.answers[FLOATS] = {
        "results": [{"ticker": "IBM", "free_float": 5_000}],
        "next_url": "https://x.example/stocks/vX/float?cursor=same",
    }
    loaded = (await refresh(configuration, only_if_stale=True)).loaded

    assert loaded is not None
    assert named(loaded.flaws, FlawReason.ENDLESS) == ("floats",)
    assert (await stored_rows(configuration))["IBM"]["free_float"] == 5_000.0
    assert sum(request.path == FLOATS for request in rest.requests) == 2


async def test_one_number_that_is_none_costs_its_row(rest: ScriptedRest) -> None:
    text = json.dumps(session(PREVIOUS)).replace('"c": 42', '"c": NaN', 1)
    rest.answers[BARS] = lambda _request: web.Response(text=text, content_type="application/json")
    async with impatient(rest.url) as source:
        assert [bar.symbol for bar in await source.daily_bars(dt.date(2026, 11, 13))] == ["X"]
        assert source.left_out == {"grouped_daily: out_of_bounds": 1}


async def test_the_key_is_in_no_error_however_the_server_echoes_it(
    rest: ScriptedRest, configuration: ReferenceConfiguration, capsys: pytest.CaptureFixture[str]
) -> None:
    def echo(request: web.Request) -> web.Response:
        words = f"unknown key {request.headers['Authorization']} of {request.rel_url}"
        return web.json_response({"status": "ERROR", "error": words}, status=400)

    for path in (FLOATS, TICKERS, SPLITS, SNAPSHOT):
        rest.answers[path] = echo
    put_first(rest, f"{BARS}{PREVIOUS}", lambda _: web.Response(text=f"proxy: {KEY}", status=502))
    await refresh(configuration, only_if_stale=True)
    state = await load_state(configuration)
    assert state is not None
    assert "unknown key Bearer ***" in state.flaws[0].detail

    out = io.StringIO()
    await asyncio.to_thread(call_command, "load_reference", "--status", stdout=out)
    assert KEY not in out.getvalue() + repr(state) + capsys.readouterr().out

    with pytest.raises(ProviderRefused) as caught:
        async with impatient(rest.url) as source:
            await source.floats()
    assert caught.value.__suppress_context__
    rest.answers[STATUS] = echo
    with pytest.raises(ProviderUnavailable) as told:
        await asyncio.to_thread(RestMarketStatus(rest.url, KEY))
    assert KEY not in str(told.value)


Script: TypeAlias = Callable[[socket.socket], None]


@contextlib.contextmanager
def raw_server(script: Script) -> Iterator[str]:
    """A server of bytes: the script has each connection to itself after its request."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                threading.Thread(target=play, args=[connection], daemon=True).start()

    def play(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.recv(65_536)
            script(connection)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.close()


def endless_body(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"10000\r\n" + b"x" * 65_536 + b"\r\n")


def trickling_body(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b" ")
        time.sleep(0.05)  # the pace is what is tested


def trickling_head(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Endless: ")
    while True:
        connection.sendall(b"x")
        time.sleep(0.05)


BOMB = gzip.compress(b" " * 50_000_000)


def bomb(connection: socket.socket) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    connection.sendall(head % len(BOMB) + BOMB)


@pytest.mark.parametrize("script", [endless_body, trickling_body, trickling_head, bomb])
async def test_a_body_without_end_is_given_up(script: Script) -> None:
    with raw_server(script) as url:
        started = time.monotonic()
        async with impatient(url, answer_seconds=scaled(0.3), body_bytes=1_000_000) as source:
            with pytest.raises(ProviderUnavailable):
                await source.market_time_ms()
        assert time.monotonic() - started < scaled(10)


@pytest.mark.parametrize("script", [trickling_body, trickling_head])
def test_the_listeners_look_at_the_market_ends_in_seconds(script: Script) -> None:
    with raw_server(script) as url:
        started = time.monotonic()
        with pytest.raises(MarketDataError):
            RestMarketStatus(url, KEY)()
        assert time.monotonic() - started < scaled(6)
