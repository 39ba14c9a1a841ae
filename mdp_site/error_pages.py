"""The answer to a request that failed in the code, or because the database is away."""

import random
import sys
from http import HTTPStatus
from typing import Final

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template import loader
from django.views.defaults import server_error as defect

RETRY_SECONDS: Final = (5, 15)


def server_error(request: HttpRequest) -> HttpResponse:
    """503 while the database is away, so that clients and proxies try again; else 500."""
    if not isinstance(sys.exception(), OperationalError | InterfaceError):
        return defect(request)
    answer = HttpResponse(loader.render_to_string("503.html"), status=HTTPStatus.SERVICE_UNAVAILABLE)
    answer.headers["Retry-After"] = str(random.randint(*RETRY_SECONDS))  # noqa: S311 - spreads a load
    return answer
