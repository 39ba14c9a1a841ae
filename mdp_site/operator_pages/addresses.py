"""The addresses below `/admin/operations/`."""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from django.contrib.admin import AdminSite
from django.http import HttpResponse
from django.urls import URLPattern, path

from mdp_site.operations_page import operations
from mdp_site.operator_pages.action_page import action_page
from mdp_site.operator_pages.revisions_page import restore_page, revisions_page
from mdp_site.operator_pages.run_page import run_page, run_state
from mdp_site.operator_pages.service_page import service_page, service_state
from mdp_site.operator_pages.steering import steering_context, steering_part

View: TypeAlias = Callable[..., HttpResponse]


def operator_urls(site: AdminSite, protected: Callable[[View], View]) -> list[URLPattern]:
    """The addresses of the operator's pages. `protected` lets only those in who may see them."""

    def of_site(view: View) -> View:
        return protected(partial(view, site=site))

    return [
        path("", of_site(partial(operations, steering=steering_context)), name="operations"),
        path("steering/", protected(steering_part), name="operations_steering"),
        path("services/<str:name>/", of_site(service_page), name="operations_service"),
        path("services/<str:name>/state/", protected(service_state), name="operations_service_state"),
        path("services/<str:name>/revisions/", of_site(revisions_page), name="operations_revisions"),
        path("services/<str:name>/restore/<str:which>/", of_site(restore_page), name="operations_restore"),
        path("actions/<str:name>/", of_site(action_page), name="operations_action"),
        path("runs/<str:number>/", of_site(run_page), name="operations_run"),
        path("runs/<str:number>/state/", protected(run_state), name="operations_run_state"),
    ]
