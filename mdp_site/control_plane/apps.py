"""The control plane as a Django application."""

from django.apps import AppConfig


class ControlPlaneConfig(AppConfig):
    """Revisions of settings, and the audit."""

    name = "mdp_site.control_plane"
    label = "control_plane"
    verbose_name = "Revisions and audit"

    def ready(self) -> None:
        """Register the receivers of changes of accounts."""
        from mdp_site.control_plane import account_entries  # noqa: F401, PLC0415 - models are loaded only now
