"""The accounts as a Django application."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Users, tokens, sessions, roles. The last application with models: see `mdp_site.apps`."""

    name = "mdp_site.accounts"
    label = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        """Register the check of the database, and receivers of logins, of their ends and of a token's end."""
        from mdp_site.accounts import checks, journal, sessions  # noqa: F401, PLC0415 - models are loaded only now
