"""The document: the address, the logins, the messages of both sides, the operations and the close codes.

Source of the form: AsyncAPI 3.0.0, and its WebSockets binding 0.1.0.
"""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from widgets.asyncapi.examples import examples
from widgets.asyncapi.message_schemas import CLIENT_MESSAGES, SERVER_MESSAGES, message_schemas
from widgets.protocol import SUBPROTOCOL_V2_PACKED, SUBPROTOCOLS, CloseCode

MESSAGES: Final = {**CLIENT_MESSAGES, **SERVER_MESSAGES}
CHANNEL: Final = "widgets"
_CHANNEL_REF: Final = {"$ref": f"#/channels/{CHANNEL}"}

_REPLIES: Final = {
    "subscribe": ("snapshot", "document", "resumed", "error"),
    "unsubscribe": ("unsubscribed", "error"),
    "resync": ("snapshot", "document", "error"),
    "ping": ("pong",),
}
"""The kinds of answers to each message of a client."""


def asyncapi_document(session_cookie: str) -> dict[str, Any]:
    """The document. `session_cookie` is the name of the cookie that a browser sends.

    Raises:
        UndescribedMember: a member of a message has no description.
    """
    schemas, payloads = message_schemas(), examples()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Market Data Platform: WebSocket protocol",
            "version": "2.0.0",
            "description": "Live market data. docs/protocol.md explains the rules in words: how a client "
            "applies a delta, resumes, and shows the state of the data. A client ignores members that it "
            "does not know.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "site": _server("wss", "{host}", "A site behind TLS.")
            | {"variables": {"host": {"description": "The host of the site.", "default": "localhost"}}},
            "demo": _server("ws", "127.0.0.1:8000", "What `make demo` starts."),
        },
        "channels": {CHANNEL: _channel()},
        "operations": _operations(),
        "components": {
            "messages": {
                name: _message(name, struct.__name__, schemas[struct.__name__]["description"], payloads[name])
                for name, struct in MESSAGES.items()
            },
            "schemas": schemas,
            "securitySchemes": _logins(session_cookie),
        },
    }


def encode_document(session_cookie: str) -> str:
    """The document as the text of a JSON file."""
    return json.dumps(asyncapi_document(session_cookie), indent=2, ensure_ascii=False) + "\n"


def _server(protocol: str, host: str, description: str) -> dict[str, Any]:
    logins = ("session", "pageToken", "token")
    return {
        "host": host,
        "protocol": protocol,
        "description": description,
        "security": [{"$ref": f"#/components/securitySchemes/{name}"} for name in logins],
    }


def _logins(session_cookie: str) -> dict[str, Any]:
    return {
        "session": {
            "type": "httpApiKey",
            "in": "cookie",
            "name": session_cookie,
            "description": "The login session of a browser. The handshake must have an `Origin` of the site.",
        },
        "pageToken": {
            "type": "httpApiKey",
            "in": "header",
            "name": "Sec-WebSocket-Protocol",
            "description": "The short-lived token of a page, as a further subprotocol (docs/login.md). The "
            "handshake must have an `Origin` of the site.",
        },
        "token": {
            "type": "http",
            "scheme": "bearer",
            "description": "The API token of a program. The handshake must have no `Origin`.",
        },
    }


def _channel() -> dict[str, Any]:
    named = "|".join(re.escape(name) for name in SUBPROTOCOLS)
    return {
        "address": "/ws/",
        "title": "Feeds of market data",
        "description": "One socket for all feeds of a client. Each message is one JSON object in a text "
        f"frame. With the subprotocol `{SUBPROTOCOL_V2_PACKED}` it is one MessagePack map in a binary "
        "frame, with the same members. A handshake that is not accepted is answered with HTTP 403, or 503 "
        "if the login cannot be checked now. `x-close-codes` says how the server ends a connection, and "
        "what the client should do.",
        "servers": [{"$ref": "#/servers/site"}, {"$ref": "#/servers/demo"}],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in MESSAGES},
        "bindings": {
            "ws": {
                "bindingVersion": "0.1.0",
                "method": "GET",
                "headers": {
                    "type": "object",
                    "properties": {
                        "Sec-WebSocket-Protocol": {
                            "type": "string",
                            "description": "One of the subprotocols. If both are offered, the first is used.",
                            "pattern": f"(^|, *)({named})(,|$)",
                            "examples": list(SUBPROTOCOLS),
                        },
                        "Origin": {
                            "type": "string",
                            "description": "An origin of the site, from a browser only.",
                        },
                    },
                    "required": ["Sec-WebSocket-Protocol"],
                },
            }
        },
        "x-close-codes": _close_codes(),
    }


def _close_codes() -> list[dict[str, Any]]:
    """All codes. The reason of a close frame begins with the action."""
    codes = {code.value: (code.action, code.words) for code in CloseCode}
    return [
        {"code": code, "action": action.value, "meaning": words}
        for code, (action, words) in sorted(codes.items())
    ]


def _operations() -> dict[str, Any]:
    """What the server receives, with the answers; and all that it sends."""
    received = {
        name: {
            "action": "receive",
            "channel": _CHANNEL_REF,
            "messages": _messages((name,)),
            "reply": {"channel": _CHANNEL_REF, "messages": _messages(_REPLIES[name])},
        }
        for name in CLIENT_MESSAGES
    }
    sent = {
        "action": "send",
        "channel": _CHANNEL_REF,
        "summary": "All that the server sends: `welcome` first, then answers, feeds and `status`.",
        "messages": _messages(SERVER_MESSAGES),
    }
    return received | {"send": sent}


def _messages(names: Iterable[str]) -> list[dict[str, str]]:
    return [{"$ref": f"#/channels/{CHANNEL}/messages/{name}"} for name in names]


def _message(name: str, struct: str, summary: str, payloads: Sequence[Any]) -> dict[str, Any]:
    return {
        "name": name,
        "title": name,
        "summary": summary,
        "payload": {"$ref": f"#/components/schemas/{struct}"},
        "examples": [{"payload": payload} for payload in payloads],
    }
