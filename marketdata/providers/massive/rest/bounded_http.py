"""The SDK's HTTP with limits: an answer that is too large, or does not end, is a failure.

The SDK reads every body whole into memory, for as long as another byte comes within the read timeout.
"""

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from http import HTTPStatus
from typing import Any, Final

from massive import RESTClient
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

from marketdata.errors import ProviderUnavailable
from marketdata.providers.massive.rest.envelope import error_from_answer

_CHUNK_BYTES: Final = 65_536


class Answer:
    """The parts of a response that the SDK uses; `data` is the decompressed body."""

    def __init__(self, status: int, headers: Mapping[str, str], data: bytes) -> None:
        self.status: Final = status
        self.headers: Final = headers
        self.data: Final = data


class BoundedPool:
    """Replaces the SDK's connection pool. Limits the size and the time of an answer.

    A body of more than `body_bytes` (after decompression), or an answer that is not complete within
    `answer_seconds`, is a temporary failure of the provider. Its connection is closed.
    """

    def __init__(self, pool: PoolManager, *, body_bytes: int, answer_seconds: float) -> None:
        self._pool = pool
        self._body_bytes = body_bytes
        self._answer_seconds = answer_seconds
        pool.pool_classes_by_scheme = _timed_pools(answer_seconds)

    def request(
        self, method: str, url: str, fields: Mapping[str, Any] | None, headers: Mapping[str, str]
    ) -> Answer:
        """The whole answer to a request.

        Raises:
            ProviderUnavailable: it is too large, takes too long, or reports a temporary failure.
            ProviderRefused: the answer is a refusal.
            HTTPError: what urllib3 raises, for 429 and the usual 5xx too.
        """
        response = self._pool.request(
            method, url, fields=dict(fields or {}), headers=headers, preload_content=False
        )
        with ExitStack() as on_failure:
            on_failure.callback(response.close)  # the rest of the body must not be read as the next answer
            data = self._body(response)
            on_failure.pop_all()
        response.release_conn()
        if response.status != HTTPStatus.OK:
            raise error_from_answer(response.status, data)
        return Answer(response.status, response.headers, data)

    def _body(self, response: BaseHTTPResponse) -> bytes:
        deadline = time.monotonic() + self._answer_seconds
        body = bytearray()
        # `read` would wait for a whole chunk, `read1` returns the bytes that have arrived.
        while chunk := response.read1(_CHUNK_BYTES, decode_content=True):
            body += chunk
            if len(body) > self._body_bytes:
                raise ProviderUnavailable(f"an answer of more than {self._body_bytes:,} bytes, given up")
            if time.monotonic() > deadline:
                raise ProviderUnavailable(f"an answer without end, given up after {self._answer_seconds:g} s")
        return bytes(body)


def bounded_client(
    base_url: str,
    api_key: str,
    *,
    connect_seconds: float,
    read_seconds: float,
    answer_seconds: float,
    body_bytes: int,
    connections: int = 1,
) -> RESTClient:
    """The SDK's client without retries of its own, with bounds on every answer."""
    client = RESTClient(
        api_key=api_key,
        base=base_url.rstrip("/"),
        retries=0,
        connect_timeout=connect_seconds,
        read_timeout=read_seconds,
        maxsize=connections,
    )
    client.client = BoundedPool(client.client, body_bytes=body_bytes, answer_seconds=answer_seconds)
    return client


def _timed_pools(seconds: float) -> dict[str, Any]:
    """Connection pools with a time limit for the status line and the headers."""

    class TimedConnection(HTTPConnection):
        def getresponse(self) -> Any:
            with _cut_after(self, seconds):
                return super().getresponse()

    class TimedSecureConnection(HTTPSConnection):
        def getresponse(self) -> Any:
            with _cut_after(self, seconds):
                return super().getresponse()

    class TimedPool(HTTPConnectionPool):
        ConnectionCls = TimedConnection

    class TimedSecurePool(HTTPSConnectionPool):
        ConnectionCls = TimedSecureConnection

    return {"http": TimedPool, "https": TimedSecurePool}


@contextmanager
def _cut_after(connection: HTTPConnection, seconds: float) -> Iterator[None]:
    """Closes the connection from another thread: only this ends a read that gets a byte from time to time.

    Raises:
        TimeoutError: it was closed; otherwise a part of an answer would count as the whole answer.
    """
    over = threading.Event()

    def cut() -> None:
        over.set()
        if connection.sock is not None:
            with suppress(OSError):  # already closed
                connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if over.is_set():
            raise TimeoutError(f"no whole head of an answer within {seconds:g} s")
