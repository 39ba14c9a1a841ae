"""The addresses below `/api/`."""

from django.http import HttpRequest, HttpResponse
from django.urls import path, re_path
from django.views.decorators.csrf import csrf_exempt

from mdp_site.accounts.guards import requires
from mdp_site.accounts.roles import Right
from mdp_site.api.assembly import api
from mdp_site.api.docs_page import docs_page
from mdp_site.api.problems import problem_answer, problem_of_status


@csrf_exempt  # it changes nothing, and Django would log each request
def _unknown_path(_request: HttpRequest) -> HttpResponse:
    return problem_answer(problem_of_status(404))


urlpatterns = [
    path("v1/docs", requires(Right.OWN_ACCOUNT)(docs_page), name="api_docs"),
    path("v1/", _unknown_path),
    path("v1/", api.urls),
    re_path("", _unknown_path),
]
