"""The settings of the jobs, as each run reads them from the database."""

from django.conf import settings

from marketdata.control import settings_with
from marketdata.runtime.settings import own_settings
from mdp_site.control_plane.history import newest
from mdp_site.jobs_settings import JOBS_ROLE, JobsSettings


def wanted_settings() -> JobsSettings:
    """What operators want now, else what the environment says.

    A run asks the database and not its process: it needs the database anyway, and django-q2 makes its
    processes before they could follow the cache.

    Raises:
        ContentError: a stored value is not accepted by this release.
    """
    own, revision = own_settings(JobsSettings, settings.DECLARED_SETTINGS), newest(JOBS_ROLE)
    return own if revision is None else settings_with(own, revision.given, version=revision.number)
