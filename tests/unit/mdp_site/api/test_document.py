"""docs/openapi.json is a valid OpenAPI 3.1 document, and its examples are as its schemas say."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from jsonschema import Draft202012Validator

from marketdata.control.document import InstallationDocument
from mdp_site.accounts.scopes import scopes_for
from mdp_site.api.assembly import document
from mdp_site.api.operations import DESCRIBED
from mdp_site.api.problems import KINDS
from widgets.data_state import DataState

ROOT: Final = Path(__file__).resolve().parents[4]
DOCUMENT: Final[dict[str, Any]] = json.loads((ROOT / "docs/openapi.json").read_text(encoding="utf-8"))
OPERATIONS: Final = {
    operation["operationId"]: operation
    for methods in DOCUMENT["paths"].values()
    for operation in methods.values()
}

OF_THE_OVERVIEW: Final = msgspec.json.schema_components((InstallationDocument,))[1].keys()
"""Their docstrings describe their members, and docs/operations.md the document that they are parts of."""


def values_in(value: Any) -> Iterator[Any]:
    """A JSON value and all values in it."""
    yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from values_in(each)


def with_components(schema: dict[str, Any]) -> Draft202012Validator:
    """A validator of a schema whose references lead into the document."""
    return Draft202012Validator({**schema, "components": DOCUMENT["components"]})


def test_the_file_is_what_the_server_serves() -> None:
    assert document() == DOCUMENT
    assert DOCUMENT["openapi"] == "3.1.0"


def test_every_reference_leads_somewhere() -> None:
    references = {each["$ref"] for each in values_in(DOCUMENT) if isinstance(each, dict) and "$ref" in each}
    assert references
    for reference in references:
        place: Any = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]
        assert place


@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_an_operation_has_texts_a_login_and_an_example_that_fits_its_schema(operation_id: str) -> None:
    operation = OPERATIONS[operation_id]
    assert operation["summary"]
    assert operation["description"]
    assert operation["tags"]
    *by_token, by_session = operation["security"]
    assert by_session == {"session": []}
    scopes = {scope for login in by_token for scope in login["token"]}
    assert scopes == set(scopes_for(DESCRIBED[operation_id].permission))
    assert bool(scopes) == bool(DESCRIBED[operation_id].permission)
    if "requestBody" in operation:
        body = operation["requestBody"]["content"]["application/json"]
        examples = [example["value"] for example in body["examples"].values()]
        assert examples
        assert [list(with_components(body["schema"]).iter_errors(each)) for each in examples] == [[]]
    content = operation["responses"]["200"]["content"]["application/json"]
    for example in content["examples"].values():
        assert list(with_components(content["schema"]).iter_errors(example["value"])) == []
    for parameter in operation["parameters"]:
        assert "$ref" in parameter or parameter["description"]
    assert {"401", "403", "405", "422", "429", "500", "503"} <= operation["responses"].keys()


def test_every_schema_is_valid_and_every_member_of_an_answer_is_described() -> None:
    undescribed = []
    for name, schema in DOCUMENT["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert schema.get("description") or "enum" in schema, name
        for member, described in schema.get("properties", {}).items():
            if not (described.get("description") or "$ref" in described or name in OF_THE_OVERVIEW):
                undescribed.append(f"{name}.{member}")
    assert undescribed == []


def test_the_states_of_the_data_are_those_of_the_socket() -> None:
    assert DOCUMENT["components"]["schemas"]["DataState"]["enum"] == sorted(DataState)


def test_every_kind_of_problem_is_one_that_some_operation_or_the_site_answers() -> None:
    answered = {code for each in DESCRIBED.values() for code in each.problems}
    of_the_site = {"bad_request", "forbidden", "unknown_path"}
    assert answered | of_the_site == KINDS.keys()
