"""A client that sends bytes as it likes, for what no library lets its users do."""

import re
import socket
from typing import Final, Self

from tests.support.deadlines import scaled

WITHIN_SECONDS: Final = 15.0
UPGRADE: Final = (
    b"GET /ws/ HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
"""A handshake without its last, empty line."""
PING: Final = bytes((0x89, 0x80, 0, 0, 0, 0))
EMPTY_FRAGMENT: Final = bytes((0x00, 0x80, 0, 0, 0, 0))
TEXT_BEGINS: Final = bytes((0x01, 0x80, 0, 0, 0, 0))


class RawClient:
    """One TCP connection. `source` is the client's own address."""

    def __init__(self, port: int, source: str = "127.0.0.1", receive_buffer_bytes: int = 0) -> None:
        self._socket = socket.socket()
        self._socket.settimeout(scaled(WITHIN_SECONDS))
        if receive_buffer_bytes:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        self._socket.bind((source, 0))
        self._socket.connect(("127.0.0.1", port))

    def send(self, data: bytes) -> None:
        """Send all of it, unless the server ends the connection."""
        self.is_taken(data)

    def is_taken(self, data: bytes) -> bool:
        """Send all of it. False if the server has ended the connection."""
        try:
            self._socket.sendall(data)
        except ConnectionError:
            return False
        return True

    def end_sending(self) -> None:
        """Close the sending side only."""
        self._socket.shutdown(socket.SHUT_WR)

    def send_while_taken(self, data: bytes) -> int:
        """Send without waiting. Returns how many bytes the kernel has taken."""
        self._socket.setblocking(False)
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0
        finally:
            self._socket.settimeout(scaled(WITHIN_SECONDS))

    def upgrade(self, *headers: bytes) -> bytes:
        """Open a WebSocket. Returns the beginning of the answer."""
        self.send(UPGRADE + b"".join(header + b"\r\n" for header in headers) + b"\r\n")
        return self.received()

    def received(self) -> bytes:
        """The next bytes; empty at the end of the connection.

        Raises:
            TimeoutError: nothing came, and the connection is open.
        """
        try:
            return self._socket.recv(1 << 20)
        except ConnectionError:
            return b""

    def rest(self) -> bytes:
        """All bytes until the server ends the connection."""
        return b"".join(iter(self.received, b""))

    def status(self) -> int:
        """The status of the HTTP answer with which the server ends the connection; 0 for none."""
        found = re.match(rb"HTTP/1\.1 (\d+)", self.rest())
        return int(found[1]) if found else 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._socket.close()
