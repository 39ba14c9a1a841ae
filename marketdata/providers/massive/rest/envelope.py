"""The envelope of the rows of a REST answer: its status, its stated number of rows, its next page.

Pure functions. Shapes: massive-api §4.1 (errors) and the bodies in §4.2 to §4.10.
"""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl, urlsplit

import msgspec

from marketdata.errors import ContentError, MarketDataError, ProviderRefused, ProviderUnavailable

AUTHENTICATION_WORDS: Final = ("api key", "apikey", "unauthorized")
GOOD_STATUSES: Final = frozenset({"OK", "DELAYED"})
"""The statuses of a successful answer; `DELAYED` comes on plans with a delay of 15 minutes."""

T = TypeVar("T")

_MISSING: Final = msgspec.Raw(b"")


class Envelope(msgspec.Struct, gc=False):
    """An answer whose rows are not decoded yet. Its fields accept any value, since a server may send any.

    Rows whose key is missing are an empty text, which is not valid JSON.
    """

    results: msgspec.Raw = _MISSING
    tickers: msgspec.Raw = _MISSING
    status: Any = None
    message: Any = None
    error: Any = None
    next_url: Any = None
    announced_rows: Any = msgspec.field(name="resultsCount", default=None)
    symbol: Any = msgspec.field(name="ticker", default=None)


class _Failure(msgspec.Struct, gc=False):
    status: Any = None
    message: Any = None
    error: Any = None


_envelope: Final = msgspec.json.Decoder(Envelope)
_failure: Final = msgspec.json.Decoder(_Failure)
_raw_rows: Final = msgspec.json.Decoder(list[msgspec.Raw])


def open_envelope(body: bytes, reason: str) -> Envelope:
    """The envelope of an answer that came with HTTP status 200.

    Raises:
        ContentError: with `reason`: the body is not understood.
        ProviderUnavailable, ProviderRefused: its own status, or an error text without a status, reports a
            failure.
    """
    envelope = read_json(_envelope, body, reason)
    status = envelope.status
    if isinstance(status, str) and status.upper() in GOOD_STATUSES:
        return envelope
    if status is None and envelope.error is None and envelope.message is None:
        return envelope
    raise _reported_error(status, _words(envelope.message, envelope.error, status), passes=True)


def rows_of(
    envelope: Envelope, rows: msgspec.Raw, reason: str, *, announced: object = None
) -> Sequence[msgspec.Raw]:
    """The rows of an answer, each still undecoded; none where they are null, or missing under a good status.

    `rows` is the envelope's field with the rows of the endpoint. `announced` is the number of rows that the
    answer states, if any.

    Raises:
        ContentError: with `reason`: the rows are not a list, or fewer than stated. Or the answer has neither
            rows nor a status, so nothing confirms that there are no rows.
    """
    text = bytes(rows)
    if not text and envelope.status is None:
        raise ContentError(reason, "has neither rows nor a status")
    found = [] if text in {b"", b"null"} else read_json(_raw_rows, text, reason)
    if isinstance(announced, int) and announced > len(found):
        raise ContentError(reason, f"says to have {announced} rows and has {len(found)}")
    return found


def next_parameters(envelope: Envelope, reason: str) -> Mapping[str, str] | None:
    """The query parameters of the next page; None at the end, which a missing, null or empty URL is.

    Raises:
        ContentError: with `reason`: there is a next page, but its URL cannot be used.
    """
    url = envelope.next_url
    if url is None or url == "":
        return None
    try:
        parameters = dict(parse_qsl(urlsplit(url).query)) if isinstance(url, str) else {}
    except ValueError as error:
        raise ContentError(reason, f"next_url is no URL: {error}") from error
    # A key in the URL is removed: it would be in the log of every proxy.
    kept = {name: value for name, value in parameters.items() if name.lower() != "apikey"}
    if not kept:
        raise ContentError(reason, "next_url leads to no further page: it has no parameters")
    return kept


def error_from_answer(status: int, body: bytes) -> MarketDataError:
    """The error that an answer with another HTTP status than 200 means.

    It is a refusal only if the answer says so in the provider's own format. A gateway's page, and any 5xx, is
    a temporary failure.
    """
    text = body[:2_000].decode("utf-8", "replace")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        return ProviderUnavailable(f"status {status}: {text!r}")
    try:
        failure = _failure.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return ProviderUnavailable(f"status {status}, answer not understood: {text!r}")
    words = _words(failure.message, failure.error, failure.status)
    return _reported_error(failure.status, words, passes=False)


def read_json(decoder: msgspec.json.Decoder[T], body: bytes, reason: str) -> T:
    """A body as the decoder's type. NaN and Infinity in it, which are not valid JSON, mean null.

    Raises:
        ContentError: with `reason`.
    """
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        if b"NaN" not in body and b"Infinity" not in body:
            raise ContentError(reason, str(error)) from error
    try:
        # One invalid number must not cost the other rows; msgspec writes it as null.
        return decoder.decode(msgspec.json.encode(json.loads(body)))
    except (msgspec.MsgspecError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise ContentError(reason, str(error)) from error


def _reported_error(status: object, words: str, *, passes: bool) -> MarketDataError:
    if status == "NOT_AUTHORIZED":
        return ProviderRefused("not_entitled", words)
    if status == "NOT_FOUND":
        return ProviderRefused("not_found", words)
    if any(word in words.lower() for word in AUTHENTICATION_WORDS):
        return ProviderRefused("auth_failed", words)
    return ProviderUnavailable(words) if passes else ProviderRefused("bad_request", words)


def _words(*texts: object) -> str:
    return next((str(text) for text in texts if text), "")
