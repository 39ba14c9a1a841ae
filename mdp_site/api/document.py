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
from mdp_site.accounts.scopes import SCOPES, scopes_for
from mdp_site.api.answers import ANSWERS, ROW_SCHEMA
from mdp_site.api.control.answers import CONTROL_ANSWERS
from mdp_site.api.control.bodies import BODIES, JSON_TYPE
from mdp_site.api.examples import CSV_EXAMPLES, EXAMPLES, row_schema
from mdp_site.api.market import BOARD_PREFIX
from mdp_site.api.models import LONGEST_IDEMPOTENCY_KEY
from mdp_site.api.operations import DESCRIBED, Described
from mdp_site.api.problems import CONTENT_TYPE, DOCS_PATH, KINDS, ProblemDetails
from mdp_site.api.replies import HEADERS
from mdp_site.control_plane.actions.registry import ACTIONS
from mdp_site.control_plane.services import STEERED

PREFIX: Final = "api/v1"
TITLE: Final = "Market Data Platform"
DESCRIPTION: Final = """\
The market for programs: boards, rows of symbols, trades, halts, alerts, and the definitions of all numbers.
And the platform itself: what its services do, their settings, the actions of operators, and the audit.

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
    "Location": ("string", "The address of what was made. Ask it for the outcome."),
    "Idempotency-Replayed": ("string", "`true`: the answer is the one that this request had before."),
    "WWW-Authenticate": ("string", "How to log in (RFC 6750)."),
    "Allow": ("string", "The methods that the path takes."),
}


def openapi_document(api: NinjaAPI, schema: Schema) -> dict[str, Any]:
    """The document as JSON values. `schema` has the boards and the columns of rows."""
    document: dict[str, Any] = json.loads(json.dumps(api.get_openapi_schema(path_prefix=f"/{PREFIX}/")))
    document["info"]["license"] = {"name": "MIT", "identifier": "MIT"}
    document["servers"] = [{"url": "/", "description": "The site that has this document."}]
    _, schemas = msgspec.json.schema_components(
        (*ANSWERS, *CONTROL_ANSWERS, *BODIES, ProblemDetails), ref_template=_SCHEMAS + "{name}"
    )
    document["components"] = {
        "schemas": {**schemas, ROW_SCHEMA: row_schema(schema)},
        "headers": {name: _header(kind, text) for name, (kind, text) in _HEADER_TEXTS.items()},
        "parameters": _REQUEST_HEADERS,
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
    scopes = scopes_for(described.permission)
    operation["security"] = [
        *({"token": [scope]} for scope in scopes),
        *(() if scopes else ({"token": []},)),
        {"session": []},
    ]
    if scopes:
        named = " or ".join(f"`{scope}`" for scope in scopes)
        operation["description"] += f"\n\nA token needs the scope {named}."
    for parameter in operation["parameters"]:
        names = _names(operation["operationId"], parameter["name"], schema)
        if names and parameter["in"] == "path":
            parameter["description"] = f"One of the names that `/{operation['tags'][0]}` lists."
            parameter["schema"] |= {"enum": names, "examples": names[:1]}
    headers = described.headers if described.method != "GET" else ("If-None-Match", *described.headers)
    operation["parameters"] += [{"$ref": f"#/components/parameters/{name}"} for name in headers]
    if described.body is not None:
        operation["requestBody"] = _body(described.body, described.example_body)
    paged = any(parameter.get("name") == "cursor" for parameter in operation["parameters"])
    operation["responses"] = {**_answers(described, paged=paged), **_problems(described)}


def _body(kind: type[msgspec.Struct], example: Mapping[str, Any] | None) -> dict[str, Any]:
    content = {
        "schema": {"$ref": _SCHEMAS + kind.__name__},
        "examples": {"usual": {"value": example}},
    }
    return {"required": True, "content": {JSON_TYPE: content}}


def _answers(described: Described, *, paged: bool) -> dict[str, Any]:
    """The answers of an operation that are no problems."""
    answer = {"description": described.answer.__doc__, "content": _content(described)}
    if described.method != "GET":
        made = ("Location", "ETag") if described.may_take_time else ()
        replayed = ("Idempotency-Replayed",) if described.method == "POST" else ()
        answer["headers"] = _header_refs((*_LIMITS, *made, *replayed))
        pending = {"202": answer | {"description": "The same, while its outcome is pending."}}
        return {"200": answer, **(pending if described.may_take_time else {})}
    has_state = "state" in described.answer.__struct_fields__
    of_data = HEADERS if described.has_position else ("MDP-State",) if has_state else ()
    headers = ("ETag", *_LIMITS, *of_data, *(("Link",) if paged else ()))
    unchanged = {
        "description": "The client has this answer. The headers have the present age and state.",
        "headers": _header_refs(headers),
    }
    return {"200": answer | {"headers": _header_refs(headers)}, "304": unchanged}


def _names(operation_id: str, parameter: str, schema: Schema) -> list[str]:
    """The names that a parameter of a path takes; none if it takes others than those of a list."""
    names: dict[tuple[str, str], list[str]] = {
        ("get_board", "board"): [board.name.removeprefix(BOARD_PREFIX) for board in schema.boards],
        ("list_alert_entries", "name"): [stream.feed for stream in schema.streams if stream.feed],
        ("get_column", "name"): list(schema.shown),
        (operation_id, "service"): list(STEERED),
        (operation_id, "action"): list(ACTIONS),
    }
    return names.get((operation_id, parameter), [])


def _content(described: Described) -> dict[str, Any]:
    content: dict[str, Any] = {
        "application/json": {
            "schema": {"$ref": _SCHEMAS + described.answer.__name__},
            "examples": {"usual": {"value": EXAMPLES[described.answer]}},
        }
    }
    if described.has_csv:
        content["text/csv"] = {
            "schema": {"type": "string"},
            "examples": {"usual": {"value": CSV_EXAMPLES[described.answer]}},
        }
    return content


def _problems(described: Described) -> dict[str, Any]:
    """The problems of an operation by status; several kinds may share one."""
    by_status: dict[HTTPStatus, list[str]] = {}
    for code in described.problems:
        by_status.setdefault(KINDS[code].status, []).append(code)
    return {
        str(status.value): {
            "description": "; ".join(f"`{code}`: {KINDS[code].title}" for code in codes),
            "headers": _header_refs(_problem_headers(described, status)),
            "content": {CONTENT_TYPE: {"schema": {"$ref": f"{_SCHEMAS}ProblemDetails"}}},
        }
        for status, codes in sorted(by_status.items())
    }


def _problem_headers(described: Described, status: HTTPStatus) -> tuple[str, ...]:
    """The headers of a problem. Who is not logged in has no limits, and a wrong method is never counted."""
    if status == HTTPStatus.UNAUTHORIZED:
        return ("WWW-Authenticate",)
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        return ("Allow",)
    has_key = described.method == "POST"
    replayed = has_key and status in _REPLAYED
    again = status in _ASK_AGAIN or (has_key and status == KINDS["not_answered_yet"].status)
    return (
        *_LIMITS,
        *(("Retry-After",) if again else ()),
        *(("Idempotency-Replayed",) if replayed else ()),
    )


_LIMITS: Final = ("RateLimit", "RateLimit-Policy")
_ASK_AGAIN: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_REPLAYED: Final = frozenset(
    {
        HTTPStatus.NOT_FOUND,
        HTTPStatus.CONFLICT,
        HTTPStatus.PRECONDITION_FAILED,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.PRECONDITION_REQUIRED,
    }
)
"""Statuses of answers that are kept with the key of their request."""

_TEXT: Final = {"type": "string"}


def _request_header(name: str, description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"in": "header", "name": name, "required": False, "description": description, "schema": schema}


_REQUEST_HEADERS: Final = {
    "If-None-Match": _request_header("If-None-Match", "The `ETag` of an answer that the client has.", _TEXT),
    "If-Match": _request_header(
        "If-Match",
        "The `ETag` of the service that the client saw. If there is a newer revision, nothing is changed. "
        "`*`: whatever the newest revision is.",
        _TEXT,
    ),
    "Prefer": _request_header(
        "Prefer",
        "`wait=N`: wait up to N seconds, at most 15, for the outcome. Otherwise it is 202 at once.",
        _TEXT,
    ),
    "Idempotency-Key": _request_header(
        "Idempotency-Key",
        "A name of the client for this request. Sent again with the same key within 24 h, it is not done "
        "again, and has the answer that it had.",
        {"type": "string", "pattern": "^[!-~]+$", "maxLength": LONGEST_IDEMPOTENCY_KEY},
    ),
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
            "description": "The login session of a browser. A change also needs the CSRF token of the page "
            f"as `X-CSRFToken`, and an `Origin` of this site. {DOCS_PATH} is such a page.",
        },
    }
