"""The messages that docs/asyncapi.json permits: a check for frames that a test recorded.

A client must ignore members that it does not know, so the document permits more members. This check does not:
a member that the document lacks is a defect of the document.
"""

import copy
import json
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft7Validator

PATH: Final = Path(__file__).resolve().parents[2] / "docs" / "asyncapi.json"


class DocumentedProtocol:
    """The document, and a validator for each message by its type."""

    def __init__(self) -> None:
        self.document: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
        strict = copy.deepcopy(self.document["components"]["schemas"])
        for schema in strict.values():
            if "properties" in schema:
                schema["additionalProperties"] = False
        self._validators = {
            name: Draft7Validator({"components": {"schemas": strict}, "allOf": [message["payload"]]})
            for name, message in self.document["components"]["messages"].items()
        }

    @property
    def sent(self) -> set[str]:
        """The types of the messages that the server sends."""
        return self._types(self.document["operations"]["send"]["messages"])

    @property
    def received(self) -> set[str]:
        """The types of the messages that the server receives."""
        operations = self.document["operations"].values()
        return {
            name
            for operation in operations
            if operation["action"] == "receive"
            for name in self._types(operation["messages"])
        }

    def check_sent(self, frame: Any) -> None:
        """Fail unless the document has this message of the server."""
        self._check(frame, self.sent)

    def check_received(self, message: Any) -> None:
        """Fail unless the document has this message of a client."""
        self._check(message, self.received)

    def check_reply(self, to: str, kind: str) -> None:
        """Fail unless the document has this kind of answer to a message of a client."""
        replies = self._types(self.document["operations"][to]["reply"]["messages"])
        assert kind in replies, f"{kind} is no documented answer to {to}: {sorted(replies)}"

    def _check(self, message: Any, permitted: set[str]) -> None:
        assert isinstance(message, dict), f"not an object: {message}"
        kind = message.get("type")
        assert kind in permitted, f"unknown kind {kind!r}; documented are {sorted(permitted)}"
        faults = [
            f"{fault.json_path}: {fault.message}" for fault in self._validators[kind].iter_errors(message)
        ]
        assert faults == [], f"{kind} is not as documented"

    def _types(self, references: list[dict[str, str]]) -> set[str]:
        names = {reference["$ref"].removeprefix("#/channels/widgets/messages/") for reference in references}
        assert names <= self.document["channels"]["widgets"]["messages"].keys()
        return names


DOCUMENTED: Final = DocumentedProtocol()
