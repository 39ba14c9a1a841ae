"""What the members of messages mean: descriptions, units and examples, and the schemas of rows and cells.

A key is the name of a member, or `Struct.member` where a struct gives the member another meaning. A value is
merged into the schema that follows from the type.
"""

from collections.abc import Mapping
from typing import Any, Final

from widgets.protocol import MOST_FEEDS_PER_MESSAGE
from widgets.protocol.v2 import MASK_COLUMNS

_VALUE: Final = {"type": ["number", "null"]}

MEMBERS: Final[Mapping[str, Mapping[str, Any]]] = {
    # --- Positions and times ---
    "feed": {"description": "The name of the feed.", "examples": ["scanners:top_gainers", "quote:AAPL"]},
    "epoch": {
        "description": "The first part of the position: a start of the feed's producer. Compare it, without "
        "reading it.",
        "examples": ["1795000000000000000.5f3a01c2"],
    },
    "seq": {
        "description": "The second part of the position. It grows within an epoch, also by more than one."
    },
    "prev": {
        "description": "The `seq` of the frame that this one follows. If the client has another: `resync`."
    },
    "age_ms": {
        "description": "Milliseconds from when the newest data was received from the provider until the "
        "frame was sent. Null before there is any data.",
        "minimum": 0,
    },
    "market_time_ms": {"description": "How far the market has come, by its own events: epoch milliseconds."},
    # --- Rows ---
    "columns": {
        "description": "The names of the values of a row, in their order.",
        "examples": [["close", "volume"]],
    },
    "rows": {
        "description": "Rows: the symbol, then one value for each of `columns`. Null: the value is absent.",
        "type": "array",
        "items": {"type": "array", "minItems": 1, "items": [{"type": "string"}], "additionalItems": _VALUE},
        "examples": [[["AAPL", 190.2, 5]]],
    },
    "hz": {"description": "At most so many frames a second, in hertz.", "exclusiveMinimum": 0},
    "limit": {
        "description": "Of a list only: the client keeps this number of rows, the newest ones.",
        "minimum": 1,
    },
    "off": {
        "description": "Columns that an operator has switched off: their values are null. If these are all "
        "of the columns, the feed itself is off. Absent: none is.",
        "examples": [["accumulated_volume"]],
    },
    "partial": {
        "description": "Columns that were off before, each with the market time (epoch milliseconds) since "
        "which it counts. It may be wrong until it has seen all that it needs. Absent: none is.",
        "examples": [{"day_high": 1_795_000_000_000}],
    },
    "cells": {
        "description": "Changed values: `[place, mask, ..., value, ...]`. `place`: the position of the row, "
        f"from 0, before this delta. One mask for each {MASK_COLUMNS} columns: bit i of mask m is set if "
        f"column {MASK_COLUMNS} * m + i changed. The new values follow, in the order of the columns.",
        "items": {
            "type": "array",
            "minItems": 3,
            "items": [
                {"type": "integer", "minimum": 0},
                {"type": "integer", "minimum": 0, "maximum": 2**MASK_COLUMNS - 1},
            ],
            "additionalItems": _VALUE,
        },
        "examples": [[[2, 2, 12]]],
    },
    "order": {
        "description": "The new sequence of symbols, if it changed. A text is a new symbol; its row is in "
        "`rows`. `[start, count]` stands for rows of the sequence before. Symbols in no entry are gone.",
        "examples": [["IBM", [2, 1], [0, 1]]],
    },
    "document": {
        "description": "The state of the feed. Of `operations`: what `manage.py status --json` prints.",
        "type": "object",
    },
    # --- Welcome ---
    "protocol": {"description": "The version of the protocol: the subprotocol of the handshake."},
    "server": {"description": "The version of the server.", "examples": ["0.1.0"]},
    "server_time_ms": {"description": "The clock of the server: epoch milliseconds."},
    "user": {"description": "The name of the user who is logged in."},
    "Welcome.feeds": {"description": "The names and patterns of all feeds that this user may subscribe to."},
    "limits": {"description": "The limits of this connection. A number has its unit in its name."},
    "message_bytes": {"description": "The largest message of a client, in bytes."},
    "feeds_per_message": {"description": "The most entries of `feeds` in a message."},
    "feeds_per_connection": {"description": "The most feeds of a connection."},
    "choices_per_connection": {
        "description": "The most different choices of columns and rate on a connection."
    },
    "connections_per_user": {"description": "The most connections of a user to one web process."},
    "messages_per_second": {"description": "How many messages a client may send in a second, on average."},
    "message_bytes_per_second": {"description": "The bytes of its messages in a second, on average."},
    "message_feeds_per_second": {
        "description": "How many feeds its messages may name in a second, on average."
    },
    "feeds_per_user": {"description": "The most feeds of all connections of a user to one web process."},
    "user_messages_per_second": {
        "description": "How many messages all these connections may send in a second, on average."
    },
    "user_message_bytes_per_second": {"description": "The bytes of these messages in a second, on average."},
    "user_message_feeds_per_second": {
        "description": "How many feeds these messages may name in a second, on average."
    },
    "message_burst_seconds": {
        "description": "How far client and user may be ahead of these averages, in seconds. Beyond it: 4430."
    },
    "reconnect": {"description": "How to spread reconnections. All are waits in milliseconds."},
    "restart_ms": {
        "description": "After close code 1001, 1012 or 1013: wait a random time in this range (ms)."
    },
    "lost_ms": {"description": "After any other loss: wait a random time in this range, in milliseconds."},
    "longest_ms": {"description": "The wait doubles after each failed attempt, up to so many milliseconds."},
    # --- Status and errors ---
    "state": {"description": "Only `live` means that the data is fresh. Show an unknown state as not live."},
    "detail": {"description": "More words for people."},
    "opens_ms": {
        "description": "When a closed market opens, in the market's own time: epoch milliseconds. Null if "
        "unknown, or if the market is not closed."
    },
    "feed_delay_ms": {
        "description": "The planned delay of the provider's feed, in milliseconds. Ages do not include it.",
        "examples": [0, 900_000],
    },
    "lost_events": {
        "description": "Events that the listener received and could not pass on, since it started."
    },
    "conflated": {
        "description": "Frames that newer ones replaced before this client took them, since its last status."
    },
    "banner": {"description": "A text of an operator for all users, to be shown as plain text, or empty."},
    "code": {"description": "The fault. The socket stays open, except after `too_large`."},
    "Error.feed": {
        "description": "The feed that the fault is about, cut to 64 characters; absent for a message."
    },
    "message": {"description": "The fault in words, with what is accepted."},
    # --- Messages of a client ---
    "feeds": {"description": "The names of feeds.", "maxItems": MOST_FEEDS_PER_MESSAGE},
    "Subscribe.feeds": {
        "description": "Feeds by name, or with a choice. If a feed is named twice, the last entry counts.",
        "maxItems": MOST_FEEDS_PER_MESSAGE,
    },
    "Wish.columns": {
        "description": "The wanted columns. Absent: all. The server keeps the order of the feed."
    },
    "Wish.hz": {
        "description": "The wanted frames a second, 0.2 to 4. The server uses the nearest of 4, 2, 1, 0.5 "
        "and 0.2 that is not faster. Absent: the fastest of the feed."
    },
    "Wish.epoch": {"description": "To resume: the `epoch` of the last frame that the client has applied."},
    "Wish.seq": {"description": "To resume: the `seq` of the last frame that the client has applied."},
    "id": {"description": "Any value of the client; the `pong` has the same.", "examples": [7, "a"]},
}
