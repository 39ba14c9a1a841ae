"""Pages ask for a right before they answer, and show only ways that are open to whoever reads them."""

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
    """Lead to the login whoever is not logged in, and answer 403 to a user without the right."""

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
    """Context processor: `rights` of whoever reads the page. Asked only by a template that names it."""
    return {"rights": SimpleLazyObject(lambda: rights_of(request.user))}
