"""The API as a Django application: it stores the answers to requests with an idempotency key."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """Its one model has no page in the admin."""

    name = "mdp_site.api"
    label = "api"
    verbose_name = "API"
