"""Encodes answers, each with its position in headers, its ETag, and 304 if the client has it already."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import msgspec
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils.http import parse_etags

from mdp_site.api.answers import Position
from mdp_site.api.services import ApiServices
from mdp_site.api.tables import csv_rows
from widgets.data_state import DataState
from widgets.protocol import EmittedRows, FeedSnapshot

JSON: Final = "application/json"
CSV: Final = "text/csv; charset=utf-8"
HEADERS: Final[Mapping[str, str]] = {
    "MDP-Epoch": "epoch",
    "MDP-Seq": "seq",
    "MDP-Market-Time-Ms": "market_time_ms",
    "MDP-Age-Ms": "age_ms",
    "MDP-State": "state",
}
"""The headers of an answer with data, each with the member that has the same value. CSV has no members."""

_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})
_encoder: Final = msgspec.json.Encoder()


def position_of(services: ApiServices, snapshot: FeedSnapshot, state: DataState) -> Position:
    """The position of a snapshot that is answered now."""
    at = snapshot.position
    return Position(
        feed=at.feed,
        epoch=at.epoch,
        seq=at.seq,
        market_time_ms=at.market_time_ms,
        age_ms=at.age_ms(services.clock.time_ns()),
        state=state,
    )


def feed_reply(
    request: HttpRequest, position: Position, make_body: Callable[[], bytes], content_type: str = JSON
) -> HttpResponse:
    """The answer with data of a feed, or 304. The body is made only if it is sent.

    The ETag names the position, the state of the data, and what was asked for. It is weak: the age of the
    data is not a part of it, and is in the headers of both answers.
    """
    asked = zlib.crc32(request.get_full_path().encode())
    etag = f'W/"{position.epoch}-{position.seq}-{position.state}-{asked:08x}"'
    values = ((name, getattr(position, member)) for name, member in HEADERS.items())
    headers = {name: str(value) for name, value in values if value is not None}
    return _reply(request, etag, headers, make_body, content_type)


def rows_reply(
    request: HttpRequest, position: Position, rows: EmittedRows, form: str, make_json: Callable[[], bytes]
) -> HttpResponse:
    """The answer with rows in the form that was asked for, `csv` or `json`, or 304."""
    if form == "csv":
        return feed_reply(request, position, lambda: csv_rows(rows), CSV)
    return feed_reply(request, position, make_json)


def positions_reply(
    request: HttpRequest, positions: Sequence[Position], state: DataState, make_body: Callable[[], bytes]
) -> HttpResponse:
    """The answer with data of several feeds, or 304."""
    places = ",".join(f"{each.feed} {each.epoch} {each.seq}" for each in positions)
    digest = zlib.crc32(f"{request.get_full_path()} {state} {places}".encode())
    return _reply(request, f'W/"{digest:08x}-{state}"', {"MDP-State": str(state)}, make_body, JSON)


def value_reply(
    request: HttpRequest, value: msgspec.Struct, *, state: DataState | None = None
) -> HttpResponse:
    """The answer with a value that has no position, or 304."""
    headers = {} if state is None else {"MDP-State": str(state)}
    return text_reply(request, _encoder.encode(value), headers)


def text_reply(
    request: HttpRequest,
    body: bytes,
    headers: Mapping[str, str] = _NO_HEADERS,
    content_type: str = JSON,
) -> HttpResponse:
    """The answer with a text, or 304."""
    return _reply(request, f'W/"{zlib.crc32(body):08x}-{len(body)}"', headers, lambda: body, content_type)


def tagged_reply(request: HttpRequest, etag: str, body: bytes) -> HttpResponse:
    """The answer in JSON with an ETag that is also for changes (`If-Match`), or 304."""
    return _reply(request, etag, _NO_HEADERS, lambda: body, JSON)


def _reply(
    request: HttpRequest,
    etag: str,
    headers: Mapping[str, str],
    make_body: Callable[[], bytes],
    content_type: str,
) -> HttpResponse:
    headers = {**headers, "ETag": etag}
    if _has(request, etag):
        return HttpResponseNotModified(headers=headers)  # without a type: it would replace that of the answer
    return HttpResponse(make_body(), content_type=content_type, headers=headers)


def _has(request: HttpRequest, etag: str) -> bool:
    """Whether the client has the answer. RFC 9110, section 13.1.2: the comparison is weak."""
    known = parse_etags(request.headers.get("If-None-Match", ""))
    weak = {each.removeprefix("W/") for each in known}
    return "*" in known or etag.removeprefix("W/") in weak
