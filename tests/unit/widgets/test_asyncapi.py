"""docs/asyncapi.json is a valid document, and says the same as the code and docs/protocol.md."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from jsonschema import Draft7Validator

from tests.support.documented_protocol import DOCUMENTED
from widgets.asyncapi import UndescribedMember, asyncapi_document, message_schemas
from widgets.data_state import DataState
from widgets.protocol import SUBPROTOCOLS, CloseCode, ErrorCode, versions

ROOT: Final = Path(__file__).resolve().parents[3]
SPECIFICATION: Final = ROOT / "widgets/client/node_modules/@asyncapi/specs/schemas/3.0.0.json"
PAGE: Final = (ROOT / "docs/protocol.md").read_text(encoding="utf-8")

PLACE: Final = {
    "feed": "f",
    "epoch": "9",
    "prev": 1,
    "seq": 2,
    "age_ms": None,
    "market_time_ms": 5,
}


def section(heading: str) -> str:
    """The text of a section of the page, without its subsections."""
    found = re.search(rf"^##+ {heading}\n(.*?)(?=^#|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None, heading
    return found[1]


def table(heading: str) -> dict[str, str]:
    """First column -> second column, of the last table in a section."""
    rows = re.findall(r"^\| (.+?) \| (.+?) \|", section(heading).rpartition("|---|")[2], re.MULTILINE)
    return {first.strip("`"): second for first, second in rows}


def examples_of_the_page() -> Iterator[Any]:
    """The examples of messages: JSON objects in code blocks, and in code within the text."""
    blocks = "\n".join(re.findall(r"^```\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
    decoder = json.JSONDecoder()
    for start in re.finditer(r'^\{"type"', blocks, re.MULTILINE):
        yield decoder.raw_decode(blocks, start.start())[0]
    for text in re.findall(r'`(\{"type".*?\})`', PAGE):
        yield json.loads(text)


def test_the_document_is_valid_asyncapi_3() -> None:
    specification = json.loads(SPECIFICATION.read_text(encoding="utf-8"))
    faults = [
        f"{fault.json_path}: {fault.message}"
        for fault in Draft7Validator(specification).iter_errors(DOCUMENTED.document)
    ]
    assert faults == []


def test_the_specification_refuses_a_document_that_is_wrong() -> None:
    specification = Draft7Validator(json.loads(SPECIFICATION.read_text(encoding="utf-8")))
    wrong = asyncapi_document("session")
    wrong["operations"]["ping"]["action"] = "shout"
    assert not specification.is_valid(wrong)


def test_every_reference_leads_to_a_part_of_the_document() -> None:
    for reference in set(re.findall(r'"\$ref": "#/(.*?)"', json.dumps(DOCUMENTED.document))):
        part: Any = DOCUMENTED.document
        for name in reference.split("/"):
            assert name in part, reference
            part = part[name]


def test_the_schemas_are_json_schemas_and_describe_every_member() -> None:
    for name, schema in DOCUMENTED.document["components"]["schemas"].items():
        Draft7Validator.check_schema(schema)
        assert schema["description"], name
        for member, described in schema.get("properties", {}).items():
            assert member == "type" or described["description"], f"{name}.{member}"


def test_every_message_has_examples_that_are_as_documented() -> None:
    for name, message in DOCUMENTED.document["components"]["messages"].items():
        assert message["examples"], name
        check = DOCUMENTED.check_sent if name in DOCUMENTED.sent else DOCUMENTED.check_received
        for example in message["examples"]:
            check(example["payload"])


def test_the_examples_of_the_page_are_as_documented() -> None:
    kinds = set()
    for example in examples_of_the_page():
        kinds.add(example.get("type"))
        if example.get("type") in DOCUMENTED.received:
            DOCUMENTED.check_received(example)
        else:
            DOCUMENTED.check_sent(example)
    assert kinds == DOCUMENTED.sent | DOCUMENTED.received, "the page has an example of each message"


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "gossip", "feed": "f"},
        {"type": "ping"},  # of the other side
        {"feed": "f"},
        [],
        {"type": "alert", **PLACE},
        {"type": "alert", **PLACE, "rows": [[1.5, "AAPL"]]},
        {"type": "alert", **PLACE, "rows": [["AAPL", "1.5"]]},
        {"type": "alert", **PLACE, "rows": [], "mood": "good"},
        {"type": "alert", **PLACE, "rows": [], "age_ms": -1},
        {"type": "delta", **PLACE, "rows": [], "cells": [[0, 1]]},
        {"type": "delta", **PLACE, "rows": [], "cells": [[0, 2**30, 1]]},
        {"type": "delta", **PLACE, "rows": [], "cells": [], "order": [[1, 2, 3]]},
        {"type": "delta", **PLACE, "rows": [], "cells": [], "order": None},
        {"type": "snapshot", **PLACE, "rows": [], "columns": [], "hz": 1},  # has a `prev`
        {"type": "status", "state": "happy", "age_ms": 1, "detail": ""},
        {"type": "error", "code": "nope", "message": ""},
    ],
    ids=range(16),
)
def test_a_frame_that_is_not_documented_fails_the_check(wrong: Any) -> None:
    with pytest.raises(AssertionError):
        DOCUMENTED.check_sent(wrong)


def test_the_close_codes_are_those_of_the_page_with_their_actions() -> None:
    codes = DOCUMENTED.document["channels"]["widgets"]["x-close-codes"]
    of_the_page = {
        int(code): action for codes, action in table("Close codes").items() for code in codes.split(", ")
    }
    assert {each["code"]: each["action"] for each in codes} == of_the_page
    assert {code.value for code in CloseCode} <= of_the_page.keys()


def test_the_error_codes_and_the_states_are_those_of_the_page() -> None:
    assert table("Error codes").keys() == set(ErrorCode)
    states = re.findall(r"^\| `(\w+)` \| [A-Z]", section("The state of the data"), re.MULTILINE)
    assert set(states) == set(DataState)


def test_the_handshake_accepts_the_subprotocols_that_the_server_knows() -> None:
    headers = DOCUMENTED.document["channels"]["widgets"]["bindings"]["ws"]["headers"]
    pattern = headers["properties"]["Sec-WebSocket-Protocol"]["pattern"]
    assert [version.subprotocol for version in versions.VERSIONS] == list(SUBPROTOCOLS)
    for offered in (*SUBPROTOCOLS, f"{SUBPROTOCOLS[0]}, mdp.token.abc", f"chat,{SUBPROTOCOLS[1]}"):
        assert re.search(pattern, offered)
    for other in ("", "chat", "mdp.v20", "xmdp.v2", "mdpxv2"):
        assert not re.search(pattern, other)


class Gossip(msgspec.Struct, tag="gossip"):
    """A message that somebody added."""

    feed: str
    mood: str


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"feed": {"description": "f"}}, "does not describe Gossip.mood"),
        ({"feed": {}, "mood": {}, "Gossip.food": {}}, "describes Gossip.food: no such member"),
    ],
)
def test_a_new_member_must_be_described_and_no_description_may_be_left_over(
    members: Mapping[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_schemas, "CLIENT_MESSAGES", {})
    monkeypatch.setattr(message_schemas, "SERVER_MESSAGES", {"gossip": Gossip})
    monkeypatch.setattr(message_schemas, "MEMBERS", members)
    with pytest.raises(UndescribedMember, match=said):
        message_schemas.message_schemas()
