"""The page that shows the OpenAPI document. It is rendered on the server: no script, and no other origin."""

import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from mdp_site.api.assembly import document
from mdp_site.api.problems import KINDS


@require_safe
def docs_page(request: HttpRequest) -> HttpResponse:
    """All operations by subject, their parameters and answers, and all kinds of problems."""
    return render(request, "api/docs.html", _context())


@functools.cache
def _context() -> Mapping[str, Any]:
    whole = document()
    subjects: dict[str, list[Mapping[str, Any]]] = {}
    for path, methods in whole["paths"].items():
        for method, operation in methods.items():
            [tag] = operation["tags"]
            subjects.setdefault(tag, []).append(_shown(method, path, operation, whole["components"]))
    schemas = {
        name: _members(schema) for name, schema in whole["components"]["schemas"].items() if _members(schema)
    }
    kinds = {code: (kind.status.value, kind.title, _marked(kind.advice)) for code, kind in KINDS.items()}
    info = {"title": whole["info"]["title"], "description": _marked(whole["info"]["description"])}
    return {"info": info, "subjects": subjects, "schemas": schemas, "kinds": kinds}


def _shown(
    method: str, path: str, operation: Mapping[str, Any], components: Mapping[str, Any]
) -> Mapping[str, Any]:
    ok = operation["responses"]["200"]["content"]
    answer = ok["application/json"]
    return {
        "method": method.upper(),
        "path": path,
        "id": operation["operationId"],
        "summary": operation["summary"],
        "description": _marked(operation["description"]),
        "parameters": [_parameter(each, components) for each in operation["parameters"]],
        **_request(operation),
        "answer": answer["schema"]["$ref"].rpartition("/")[2],
        "example": json.dumps(answer["examples"]["usual"]["value"], indent=1, ensure_ascii=False),
        "csv": ok["text/csv"]["examples"]["usual"]["value"] if "text/csv" in ok else "",
        "statuses": {status: _marked(each["description"]) for status, each in operation["responses"].items()},
    }


def _request(operation: Mapping[str, Any]) -> Mapping[str, Any]:
    """The body of a request, if the operation has one."""
    if "requestBody" not in operation:
        return {}
    content = operation["requestBody"]["content"]["application/json"]
    value = content["examples"]["usual"]["value"]
    return {
        "body": content["schema"]["$ref"].rpartition("/")[2],
        "body_example": json.dumps(value, indent=1, ensure_ascii=False),
    }


def _parameter(parameter: Mapping[str, Any], components: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" in parameter:
        _, kind, name = parameter["$ref"].rsplit("/", 2)
        parameter = components[kind][name]
    return {
        "name": parameter["name"],
        "place": parameter["in"],
        "required": parameter["required"],
        "accepted": _accepted(parameter["schema"]),
        "description": _marked(parameter.get("description", "")),
    }


def _members(schema: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return [
        {"name": name, "accepted": _accepted(member), "description": _marked(member.get("description", ""))}
        for name, member in schema.get("properties", {}).items()
    ]


def _accepted(schema: Mapping[str, Any]) -> str:
    """The values of a schema in a few words, such as `integer 1 to 500 or null`."""
    if "anyOf" in schema:  # a parameter that may be absent
        return " or ".join(_accepted(each) for each in schema["anyOf"] if each != {"type": "null"})
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if schema.get("type") == "array":
        return f"list of {_accepted(schema.get('items', {})) or 'values'}"
    kind = schema.get("type", "")
    words = " or ".join(kind) if isinstance(kind, list) else kind
    if "minimum" in schema and "maximum" in schema:
        words += f" {schema['minimum']} to {schema['maximum']}"
    return str(words)


def _marked(text: str) -> SafeString:
    """The text, escaped, with what stands between backquotes as code."""
    parts = enumerate(text.split("`"))
    return format_html_join(
        "", "{}", ((format_html("<code>{}</code>", part) if place % 2 else part,) for place, part in parts)
    )
