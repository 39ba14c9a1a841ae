"""The parts of a web process that the operations use."""

from typing import Final

import msgspec
from django.http import HttpRequest

from marketdata.clock import Clock
from mdp_site.api.control.refusals import RefusalBook
from mdp_site.api.held_logins import HeldLogins
from mdp_site.api.problems import Problem
from mdp_site.api.rate_limits import RateLimits
from widgets.hub import Hub
from widgets.hub.day_lists import DayLists
from widgets.hub.feeds import FeedCatalog

SERVICES_IN_SCOPE: Final = "mdp.api"
"""The key of the `ApiServices` in the scope of each request. `mdp_site.composition` puts them there."""


class ApiServices(msgspec.Struct, frozen=True, kw_only=True):
    """The hub of the process with its catalog, the day's lists, the logins, the limits, and the refusals."""

    hub: Hub
    catalog: FeedCatalog
    day_lists: DayLists
    logins: HeldLogins
    limits: RateLimits
    refusals: RefusalBook
    clock: Clock


def services_of(request: HttpRequest) -> ApiServices:
    """The services of the process that answers.

    Raises:
        Problem: the request did not come through `mdp_site.composition`'s application.
    """
    services: ApiServices | None = getattr(request, "scope", {}).get(SERVICES_IN_SCOPE)
    if services is None:
        raise Problem(
            "unavailable", "this server has no market data; accepted: a process of `manage.py run_web`"
        )
    return services
