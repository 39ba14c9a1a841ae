"""The backend: Django's own, with the driver's option `answer_seconds` in `OPTIONS`."""

from django.db.backends.postgresql import base

from mdp_site.postgresql import driver


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection of a thread to the database."""

    Database = driver
