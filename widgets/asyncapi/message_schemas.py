"""The JSON schemas of all messages, from their structs.

AsyncAPI 3.0 takes JSON schemas of draft 7. msgspec writes those of draft 2020-12, which differ in the form of
tuples. Source: AsyncAPI 3.0.0, Schema Object; msgspec, `msgspec.json.schema_components`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, get_args

import msgspec

from marketdata.errors import ConfigurationError
from widgets.asyncapi.members import MEMBERS
from widgets.protocol.answers import Answer
from widgets.protocol.messages import ClientMessage
from widgets.protocol.v2 import FEED_FRAMES, DocumentFrame, SnapshotFrame

JsonSchema = dict[str, Any]

CLIENT_MESSAGES: Final[Mapping[str, type[msgspec.Struct]]] = {
    struct.__struct_config__.tag: struct for struct in get_args(ClientMessage)
}
SERVER_MESSAGES: Final[Mapping[str, type[msgspec.Struct]]] = {
    struct.__struct_config__.tag: struct for struct in (*get_args(Answer), *FEED_FRAMES)
}

_TEMPLATE: Final = "#/components/schemas/{name}"


class UndescribedMember(ConfigurationError):
    """A member of a message has no entry in `MEMBERS`, or an entry belongs to no member."""


def message_schemas() -> Mapping[str, JsonSchema]:
    """The schema of each message and of the structs within them, by the name of the struct.

    Raises:
        UndescribedMember: `MEMBERS` does not describe exactly the members that there are.
    """
    client, server = tuple(CLIENT_MESSAGES.values()), tuple(SERVER_MESSAGES.values())
    _, schemas = msgspec.json.schema_components((*client, *server), ref_template=_TEMPLATE)
    sent = {struct.__name__: struct for struct in _with_inner(server)}
    used: set[str] = set()
    for name, schema in schemas.items():
        schema["description"] = schema["description"].split("\n\n")[0]
        if "properties" in schema:
            if name in sent:
                _as_sent(sent[name], schema)
            _describe(name, schema["properties"], used)
    if spare := sorted(MEMBERS.keys() - used):
        raise UndescribedMember(f"widgets/asyncapi/members.py describes {', '.join(spare)}: no such member")
    return {name: _draft_7(schema) for name, schema in sorted(schemas.items())}


def _with_inner(structs: Sequence[type[msgspec.Struct]]) -> Iterator[type[msgspec.Struct]]:
    for struct in structs:
        yield struct
        inner = [field.type for field in msgspec.structs.fields(struct)]
        yield from _with_inner(
            [each for each in inner if isinstance(each, type) and issubclass(each, msgspec.Struct)]
        )


def _as_sent(struct: type[msgspec.Struct], schema: JsonSchema) -> None:
    """Change the schema of what is accepted into that of what is sent.

    A member with a default is always sent, or never with its default (`omit_defaults`).
    """
    properties = schema["properties"]
    if struct in {SnapshotFrame, DocumentFrame}:
        del properties["prev"]
    omitted = set()
    for field in msgspec.structs.fields(struct) if struct.__struct_config__.omit_defaults else ():
        if field.default is None:
            omitted.add(field.encode_name)
            choices = [each for each in properties[field.encode_name]["anyOf"] if each != {"type": "null"}]
            properties[field.encode_name] = choices[0] if len(choices) == 1 else {"anyOf": choices}
    for each in properties.values():
        each.pop("default", None)
    schema["required"] = [name for name in properties if name not in omitted]


def _describe(struct: str, properties: JsonSchema, used: set[str]) -> None:
    for name, schema in properties.items():
        if name == "type":
            continue
        key = f"{struct}.{name}" if f"{struct}.{name}" in MEMBERS else name
        if key not in MEMBERS:
            raise UndescribedMember(f"widgets/asyncapi/members.py does not describe {struct}.{name}")
        used.add(key)
        # Beside `$ref`, draft 7 ignores all other members.
        if "$ref" in schema:
            schema["allOf"] = [{"$ref": schema.pop("$ref")}]
        schema.update(MEMBERS[key])


def _draft_7(schema: Any) -> Any:
    """The schema with its tuples in the form of draft 7."""
    if isinstance(schema, list):
        return [_draft_7(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    changed = {name: _draft_7(each) for name, each in schema.items()}
    if "prefixItems" in changed:
        changed["additionalItems"] = changed["items"]
        changed["items"] = changed.pop("prefixItems")
    return changed
