"""The OpenAPI 3.1 document. ninja writes paths and parameters; what it cannot know is added here.

That is: the schemas of answers, problems and rows, the headers, the scopes, CSV, and 304.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
from django.conf import settings
from ninja import NinjaAPI

from marketdata.schema import Schema
from mdp_site.accounts.scopes import SCOPES
from mdp_site.api.answers import ANSWERS, ROW_SCHEMA
from mdp_site.api.examples import CSV_EXAMPLE, EXAMPLES, row_schema
from mdp_site.api.market import BOARD_PREFIX
from mdp_site.api.operations import DESCRIBED, Described
from mdp_site.api.problems import CONTENT_TYPE, DOCS_PATH, KINDS, ProblemDetails
from mdp_site.api.replies import HEADERS

PREFIX: Final = "api/v1"
TITLE: Final = "Market Data Platform"
DESCRIPTION: Final = """\
The market for programs: boards, rows of symbols, trades, halts, alerts, and the definitions of all numbers.

Every answer with data has its position (`epoch` and `seq`), its age, and the state of the data. Only the
state `live` means that the data is fresh. The words are those of docs/protocol.md.

Every path also takes `HEAD`. Errors are problem details (RFC 9457). A client must ignore members and headers
that it does not know: some may be added.
"""

_SCHEMAS: Final = "#/components/schemas/"
_HEADER_TEXTS: Final = {
    "MDP-Epoch": ("string", "The first part of the position."),
    "MDP-Seq": ("integer", "The second part of the position."),
    "MDP-Market-Time-Ms": ("integer", "How far the market has come: epoch milliseconds."),
    "MDP-Age-Ms": (
        "integer",
        "Age of the newest data of the feed in milliseconds. Absent before there is any.",
    ),
    "MDP-State": ("string", "The state of the data. Only `live` means that it is fresh."),
    "ETag": (
        "string",
        "Send it as `If-None-Match`: the answer is 304 while position and state are the same.",
    ),
    "RateLimit": (
        "string",
        "For each policy, what remains (`r`), and in how many seconds all is there again (`t`).",
    ),
    "RateLimit-Policy": ("string", "For each policy, the quota (`q`) in a window of seconds (`w`)."),
    "Retry-After": ("integer", "Ask again after so many seconds."),
    "Link": ("string", "The next page, as `rel=next`."),
    "WWW-Authenticate": ("string", "How to log in (RFC 6750)."),
}


def openapi_document(api: NinjaAPI, schema: Schema) -> dict[str, Any]:
    """The document as JSON values. `schema` has the boards and the columns of rows."""
    document: dict[str, Any] = json.loads(json.dumps(api.get_openapi_schema(path_prefix=f"/{PREFIX}/")))
    document["info"]["license"] = {"name": "MIT", "identifier": "MIT"}
    document["servers"] = [{"url": "/", "description": "The site that has this document."}]
    _, schemas = msgspec.json.schema_components((*ANSWERS, ProblemDetails), ref_template=_SCHEMAS + "{name}")
    document["components"] = {
        "schemas": {**schemas, ROW_SCHEMA: row_schema(schema)},
        "headers": {name: _header(kind, text) for name, (kind, text) in _HEADER_TEXTS.items()},
        "parameters": {"If-None-Match": _IF_NONE_MATCH},
        "securitySchemes": _logins(),
    }
    for methods in document["paths"].values():
        for operation in methods.values():
            _complete(operation, DESCRIBED[operation["operationId"]], schema)
    return document


def encode_document(api: NinjaAPI, schema: Schema) -> str:
    """The document as the text of a JSON file."""
    return json.dumps(openapi_document(api, schema), indent=1, ensure_ascii=False) + "\n"


def _complete(operation: dict[str, Any], described: Described, schema: Schema) -> None:
    scopes = [described.permission] if described.permission else []
    operation["security"] = [{"token": scopes}, {"session": scopes}]
    if scopes:
        operation["description"] += f"\n\nA token needs the scope `{described.permission}`."
    for parameter in operation["parameters"]:
        if (names := _names(operation["operationId"], schema)) and parameter["in"] == "path":
            parameter["description"] = f"One of the names that `/{operation['tags'][0]}` lists."
            parameter["schema"] |= {"enum": names, "examples": names[:1]}
    operation["parameters"].append({"$ref": "#/components/parameters/If-None-Match"})
    headers = ("ETag", "RateLimit", "RateLimit-Policy", *(HEADERS if described.has_position else ()))
    operation["responses"] = {
        "200": {
            "description": described.answer.__doc__,
            "headers": _header_refs(headers),
            "content": _content(described),
        },
        "304": {
            "description": "The client has this answer. The headers have the present age and state.",
            "headers": _header_refs(headers),
        },
        **_problems(described),
    }


def _names(operation_id: str, schema: Schema) -> list[str]:
    """The names that the path of an operation takes; none if it takes no name of the schema."""
    boards = [board.name.removeprefix(BOARD_PREFIX) for board in schema.boards]
    alerts = [stream.feed for stream in schema.streams if stream.feed]
    return {"get_board": boards, "list_alert_entries": alerts, "get_column": list(schema.shown)}.get(
        operation_id, []
    )


def _content(described: Described) -> dict[str, Any]:
    content: dict[str, Any] = {
        "application/json": {
            "schema": {"$ref": _SCHEMAS + described.answer.__name__},
            "examples": {"usual": {"value": EXAMPLES[described.answer]}},
        }
    }
    if described.has_csv:
        content["text/csv"] = {"schema": {"type": "string"}, "examples": {"usual": {"value": CSV_EXAMPLE}}}
    return content


def _problems(described: Described) -> dict[str, Any]:
    """The problems of an operation by status; several kinds may share one."""
    by_status: dict[HTTPStatus, list[str]] = {}
    for code in described.problems:
        by_status.setdefault(KINDS[code].status, []).append(code)
    return {
        str(status.value): {
            "description": "; ".join(f"`{code}`: {KINDS[code].title}" for code in codes),
            "headers": _header_refs(_PROBLEM_HEADERS.get(status, ())),
            "content": {CONTENT_TYPE: {"schema": {"$ref": f"{_SCHEMAS}ProblemDetails"}}},
        }
        for status, codes in sorted(by_status.items())
    }


_PROBLEM_HEADERS: Final[Mapping[HTTPStatus, tuple[str, ...]]] = {
    HTTPStatus.UNAUTHORIZED: ("WWW-Authenticate",),
    HTTPStatus.TOO_MANY_REQUESTS: ("Retry-After", "RateLimit", "RateLimit-Policy"),
    HTTPStatus.SERVICE_UNAVAILABLE: ("Retry-After",),
}

_IF_NONE_MATCH: Final = {
    "in": "header",
    "name": "If-None-Match",
    "required": False,
    "description": "The `ETag` of an answer that the client has.",
    "schema": {"type": "string"},
}


def _header(kind: str, text: str) -> dict[str, Any]:
    return {"description": text, "schema": {"type": kind}}


def _header_refs(names: tuple[str, ...]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _logins() -> dict[str, Any]:
    scopes = "; ".join(f"`{name}`: {label}" for name, label in SCOPES.items())
    return {
        "token": {
            "type": "http",
            "scheme": "bearer",
            "description": f"The API token of a program, made at `/accounts/tokens/`. Scopes: {scopes}.",
        },
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": settings.SESSION_COOKIE_NAME,
            "description": f"The login session of a browser: it may read, as at {DOCS_PATH}.",
        },
    }
