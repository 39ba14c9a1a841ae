"""Faults that a test causes on all connections of a simulator."""

from typing import Final

from marketdata.providers.massive.emulator.faults import Faults

_MAX_CLIENT_FRAME_BYTES: Final = 1 << 20
_STILL_HERE: Final = b'{"ev":"status","status":"success","message":"still here"}'


def close_all(faults: Faults, code: int) -> None:
    """Close all connections with a close frame and a code, such as 1000, 1001, 1008 or 1011."""
    for connection in list(faults.connections()):
        connection.finish(None, code, "fault")


def abort_all(faults: Faults) -> None:
    """Reset all TCP connections without a close frame."""
    for connection in list(faults.connections()):
        connection.abort("fault")


def send_oversized_frame(faults: Faults) -> None:
    """Send a valid frame above 1 MiB. A client with default limits refuses it (close 1009)."""
    event = b'{"ev":"status","status":"success","message":"%s"}' % (b"x" * _MAX_CLIENT_FRAME_BYTES)
    _send(faults, b"[" + event + b"]")


def send_unknown_event(faults: Faults) -> None:
    """Send an event of an unknown type, together with a valid status."""
    _send(faults, b'[{"ev":"ZZ","sym":"AAPL","p":1.5},' + _STILL_HERE + b"]")


def send_malformed_frame(faults: Faults) -> None:
    """Send a frame that is cut in the middle of an event."""
    _send(faults, b'[{"ev":"A","sym":"AAPL","v":10')


def _send(faults: Faults, frame: bytes) -> None:
    for connection in list(faults.connections()):
        if connection.is_live:
            connection.send(frame)
