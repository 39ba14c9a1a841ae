"""The reasons for which the web server cuts a client off."""

import enum
from http import HTTPStatus


class Reason(enum.StrEnum):
    """Why a client was refused or cut off: the label of `mdp_web_cut_off_total` and of the log line."""

    CONNECTIONS = "connections"
    ADDRESS_CONNECTIONS = "address_connections"
    ADDRESS_HANDSHAKES = "address_handshakes"
    HEAD_TOO_LARGE = "head_too_large"
    BODY_TOO_LARGE = "body_too_large"
    BAD_REQUEST = "bad_request"
    SLOW_HEAD = "slow_head"
    SLOW_BODY = "slow_body"
    SLOW_HANDSHAKE = "slow_handshake"
    STALLED = "stalled"
    EARLY_FRAMES = "early_frames"
    CONTROL_FRAMES = "control_frames"


def refusal(reason: Reason, status: HTTPStatus) -> bytes:
    """The HTTP answer to a client that is refused. The connection ends with it."""
    text = f"{reason.replace('_', ' ')}\n"
    return (
        f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: text/plain; charset=utf-8\r\n"
        f"content-length: {len(text)}\r\nconnection: close\r\n\r\n{text}"
    ).encode()
