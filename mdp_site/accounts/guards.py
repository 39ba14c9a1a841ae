"""The guard of pages that need a right, and the rights of the reader for templates."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.functional import SimpleLazyObject

from mdp_site.accounts.roles import Right, rights_of

_Arguments = ParamSpec("_Arguments")
_View = Callable[Concatenate[HttpRequest, _Arguments], HttpResponseBase]


def requires(right: Right) -> Callable[[_View[_Arguments]], _View[_Arguments]]:
    """Decorator of a page: it redirects visitors to the login, and answers 403 to users without the right."""

    def guard(view: _View[_Arguments]) -> _View[_Arguments]:
        @wraps(view)
        def guarded(
            request: HttpRequest, /, *args: _Arguments.args, **kwargs: _Arguments.kwargs
        ) -> HttpResponseBase:
            if right not in rights_of(request.user):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return login_required(guarded)

    return guard


def page_rights(request: HttpRequest) -> dict[str, Any]:
    """Context processor: `rights` are the rights of the current user, computed when a template uses them."""
    return {"rights": SimpleLazyObject(lambda: rights_of(request.user))}
