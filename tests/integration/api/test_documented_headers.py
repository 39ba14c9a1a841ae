"""Each header of an answer is one that the OpenAPI document names for its status. A 304 has no type."""

from typing import Final

import pytest

from mdp_site.accounts.roles import OPERATORS
from mdp_site.accounts.scopes import SCOPES
from mdp_site.api.assembly import document
from mdp_site.api.operations import DESCRIBED
from tests.support.api_site import Answer, ApiSite

pytestmark = [pytest.mark.redis, pytest.mark.django_db(transaction=True)]

OPERATIONS: Final = {
    operation["operationId"]: operation
    for methods in document()["paths"].values()
    for operation in methods.values()
}
OF_THE_API: Final = frozenset(
    name.lower() for name in document()["components"]["headers"]
)  # others are of HTTP itself, or of the whole site
READ: Final = [name for name, each in DESCRIBED.items() if each.method == "GET"]


def undocumented(operation_id: str, answer: Answer) -> set[str]:
    """The headers of the API in an answer that the document does not name for its status."""
    described = OPERATIONS[operation_id]["responses"][str(answer.status)].get("headers", {})
    sent = {name.lower() for name in answer.headers} & OF_THE_API
    return sent - {name.lower() for name in described}


async def test_the_document_names_each_header_of_an_answer(api: ApiSite) -> None:
    await api.make_examples()
    program = await api.program("ada", *SCOPES, role=OPERATORS)
    seen = {}
    statuses = set()
    for name in READ:
        path = api.example_path(name)
        first = await program.get(path)
        again = await program.get(path, If_None_Match="*")
        wrong = await program.get(path + ("&" if "?" in path else "?") + "nope=1")
        for answer in (first, again, wrong):
            statuses.add(answer.status)
            seen[name, answer.status] = undocumented(name, answer)
    assert {case: names for case, names in seen.items() if names} == {}
    assert statuses == {200, 304, 422}


async def test_an_answer_that_the_client_has_replaces_neither_its_type_nor_its_length(api: ApiSite) -> None:
    program = await api.program("ada", "boards")
    for path in ("/columns", "/boards/top_gainers", "/boards/top_gainers?format=csv"):
        again = await program.get(path, If_None_Match="*")
        assert again.status == 304
        assert "Content-Type" not in again.headers
        assert "Content-Length" not in again.headers
