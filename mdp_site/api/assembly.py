"""The API: all operations together, and their document."""

import functools
import json
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI, Router

from marketdata.schema.stored import SCHEMA
from mdp_site.api import answers, day_lists, definitions, market
from mdp_site.api.control import actions, audit, histories, installation, runs, services, tokens
from mdp_site.api.document import DESCRIPTION, TITLE, encode_document
from mdp_site.api.operations import answer_errors, register
from mdp_site.api.replies import text_reply

router = Router()


@register(
    router,
    "/openapi.json",
    operation_id="get_openapi",
    summary="This document",
    tag="document",
    answer=answers.OpenApiDocument,
    example="/openapi.json",
)
async def openapi(request: HttpRequest) -> HttpResponse:
    """The OpenAPI 3.1 document of this API."""
    return text_reply(request, _encoded())


@functools.cache
def _encoded() -> bytes:
    return encode_document(api, SCHEMA).encode()


@functools.cache
def document() -> dict[str, Any]:
    """The OpenAPI document as JSON values. It must not be changed."""
    decoded: dict[str, Any] = json.loads(_encoded())
    return decoded


api: Final = NinjaAPI(
    title=TITLE,
    version="1.0.0",
    description=DESCRIPTION,
    docs_url=None,
    openapi_url=None,
    urls_namespace="api",
)
answer_errors(api)
for part in (
    *(market, day_lists, definitions),
    *(installation, services, histories, actions, runs, audit, tokens),
):
    api.add_router("", part.router)
api.add_router("", router)
