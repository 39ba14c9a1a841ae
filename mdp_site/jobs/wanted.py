"""The settings of the jobs, as each run reads them from the database."""

from typing import cast

from mdp_site.control_plane.history import newest
from mdp_site.control_plane.services import service
from mdp_site.jobs_settings import JOBS_ROLE, JobsSettings


def wanted_settings() -> JobsSettings:
    """What operators want now, else what the environment says.

    A run asks the database and not its process: it needs the database anyway, and django-q2 makes its
    processes before they could follow the cache.

    Raises:
        ContentError: a stored value is not accepted by this release.
    """
    revision = newest(JOBS_ROLE)
    given, number = ({}, 0) if revision is None else (revision.given, revision.number)
    return cast("JobsSettings", service(JOBS_ROLE).wanted(given, version=number))
