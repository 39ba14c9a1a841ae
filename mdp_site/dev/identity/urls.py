"""The addresses of the embedded provider."""

from django.http import HttpRequest, JsonResponse
from django.urls import include, path
from django.views.generic import TemplateView


def healthz(_request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"service": "identity", "alive": True})


urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("accounts/", include("allauth.account.urls")),
    path("", include("allauth.idp.urls")),
    path("", TemplateView.as_view(template_name="account/login.html")),
]
