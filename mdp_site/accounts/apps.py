"""The accounts as a Django application."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Users, tokens, sessions, roles. It must be the last application with models: see `mdp_site.apps`."""

    name = "mdp_site.accounts"
    label = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        """Register the database check and the receivers of login, logout, session and token signals."""
        from mdp_site.accounts import (  # noqa: PLC0415 - models are loaded only now
            account_changes,  # noqa: F401 - importing registers its receivers
            checks,  # noqa: F401
            journal,  # noqa: F401
            sessions,  # noqa: F401
        )
