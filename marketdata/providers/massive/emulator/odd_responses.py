"""Odd REST answers on their way out: headers, bodies that are none, and bodies without end."""

import asyncio
import contextlib
import gzip
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from aiohttp import web

from marketdata.observability import metrics
from marketdata.providers.massive.emulator.odd_answers import Oddity, OddSchedule, with_odd_rows
from marketdata.providers.massive.emulator.rest_answers import cursor_of
from marketdata.units import MS_PER_SECOND

ENDLESS_BYTES: Final = 1 << 30
_CHUNK: Final = b" " * (1 << 20)
_CHUNK_PAUSE_SECONDS: Final = 0.005
_ODD_TIMES: Final = (
    None,
    1_764_000_000,
    "2026-11-24T10:00:00",
    "1970-01-01T00:00:00Z",
    "2100-01-01T00:00:00Z",
)
_HTML: Final = "<html><body><h1>We will be right back</h1></body></html>"
_FAILED: Final = {"status": "ERROR", "error": "something went wrong on our side"}
_MISUNDERSTOOD: Final = {"status": "ERROR", "error": "the request could not be understood"}
_NOTHING_FOUND: Final = {"status": "NOT_FOUND", "message": "No data found for the given parameters."}
_encode: Final = msgspec.json.Encoder().encode


class OddAnswers:
    """Makes answers odd as a schedule says, and counts what it sent. `now_ms` returns the market time."""

    def __init__(self, schedule: OddSchedule, now_ms: Callable[[], int]) -> None:
        self._schedule: Final = schedule
        self._now_ms: Final = now_ms
        self.sent: Final[Counter[Oddity]] = Counter()

    async def respond(
        self, request: web.Request, path: str, body: Mapping[str, Any] | Sequence[Any]
    ) -> web.StreamResponse:
        """Send a good answer of the route `path`, possibly made odd by the schedule."""
        if not isinstance(body, Mapping):
            return _json(body)
        now_ms = self._now_ms()
        plan = self._schedule.plan(path, _address(request), now_ms)
        changed = dict(body)
        self._count(with_odd_rows(path, changed, plan.others))
        if plan.costly is None:
            return _json(changed)
        self._count([plan.costly])
        if plan.costly is Oddity.ENDLESS:
            return await _endless(request)
        return _MAKERS[plan.costly](_Good(request, changed, now_ms))

    def _count(self, oddities: Sequence[Oddity]) -> None:
        for oddity in oddities:
            self.sent[oddity] += 1
            metrics.SIMULATOR_DEFECTS.labels(oddity.value).inc()


class _Good(msgspec.Struct, frozen=True):
    """The answer that would have been given, and what it answers."""

    request: web.Request
    body: Mapping[str, Any]
    now_ms: int


async def _endless(request: web.Request) -> web.StreamResponse:
    """Blanks without end, which are valid JSON so far; a reader that goes away ends it."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):
        for _ in range(ENDLESS_BYTES // len(_CHUNK)):
            await response.write(_CHUNK)
            await asyncio.sleep(_CHUNK_PAUSE_SECONDS)  # the feed goes on beside it
    return response


def _empty_session(good: _Good) -> web.Response:
    kept = {name: value for name, value in good.body.items() if name != "results"}
    return _json(kept | {"queryCount": 0, "resultsCount": 0, "count": 0})


def _cut_gzip(good: _Good) -> web.Response:
    return _bytes(
        _two_thirds(gzip.compress(_encode(good.body), compresslevel=1)), **{"Content-Encoding": "gzip"}
    )


def _echoed_key(good: _Good) -> web.Response:
    key = good.request.headers.get("Authorization") or good.request.query.get("apiKey", "")
    return _json({"status": "ERROR", "error": f"cannot serve {key}"}, 400)


def _odd_time(good: _Good) -> web.Response:
    return _json({**good.body, "serverTime": _ODD_TIMES[good.now_ms // MS_PER_SECOND % len(_ODD_TIMES)]})


def _page_repeats(good: _Good) -> web.Response:
    cursor = good.request.query.get("cursor", cursor_of({"offset": "0"}))
    return _followed_by(good, cursor)


def _pages_alternate(good: _Good) -> web.Response:
    one, other = (cursor_of({"offset": "0", "turn": turn}) for turn in ("one", "other"))
    return _followed_by(good, other if good.request.query.get("cursor") == one else one)


def _followed_by(good: _Good, cursor: str | None) -> web.Response:
    """With another next page: that of a cursor, or the bare address."""
    address = good.request.url.with_query(None if cursor is None else {"cursor": cursor})
    return _json({**good.body, "next_url": str(address)})


def _address(request: web.Request) -> str:
    """What is asked for, whichever page of it."""
    return f"{request.path} {request.query.get('adjusted', '')}"


def _two_thirds(data: bytes) -> bytes:
    return data[: len(data) * 2 // 3]


def _json(body: Any, status: int = 200) -> web.Response:
    return web.Response(status=status, body=_encode(body), content_type="application/json")


def _bytes(data: bytes, **headers: str) -> web.Response:
    return web.Response(body=data, headers={"Content-Type": "application/json", **headers})


_MAKERS: Final[Mapping[Oddity, Callable[[_Good], web.Response]]] = {
    Oddity.EMPTY_SESSION: _empty_session,
    Oddity.HTML: lambda _: web.Response(text=_HTML, content_type="text/html"),
    Oddity.CUT_JSON: lambda good: _bytes(_two_thirds(_encode(good.body))),
    Oddity.CUT_GZIP: _cut_gzip,
    Oddity.ERROR_STATUS: lambda _: _json(_FAILED),
    Oddity.BAD_REQUEST: lambda _: _json(_MISUNDERSTOOD, 400),
    Oddity.NOT_FOUND: lambda _: _json(_NOTHING_FOUND, 404),
    Oddity.ECHOED_KEY: _echoed_key,
    Oddity.ODD_TIME: _odd_time,
    Oddity.PAGE_REPEATS: _page_repeats,
    Oddity.PAGES_ALTERNATE: _pages_alternate,
    Oddity.PAGE_WITHOUT_QUERY: lambda good: _followed_by(good, None),
}
