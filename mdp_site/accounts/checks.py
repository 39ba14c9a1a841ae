"""Refuses databases of earlier releases, in which users had another table, before a migration fails."""

from collections.abc import Sequence
from typing import Any, Final

from django.apps import AppConfig
from django.core import checks
from django.db import connections

EARLIER_USERS: Final = "mdp_site_user"
"""The table of users in releases before accounts had an application of their own."""


@checks.register(checks.Tags.database)
def check_layout_of_users(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **_: Any
) -> list[checks.CheckMessage]:
    """Refuse a database with the user table of an earlier release. `manage.py migrate` runs this check."""
    del app_configs
    return [
        checks.Error(
            f"the database {connections[alias].settings_dict['NAME']!s} has the users of an earlier release "
            f"(table {EARLIER_USERS}), which this one cannot take over",
            hint="Accepted: an empty database. Name another one in DATABASE_URL, or delete this one "
            "(of the demo: its directory .demo).",
            id="mdp.E040",
        )
        for alias in databases or ()
        if EARLIER_USERS in connections[alias].introspection.table_names()
    ]
