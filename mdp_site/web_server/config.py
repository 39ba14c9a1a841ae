"""The configuration that the server's protocols share."""

from typing import TYPE_CHECKING, Any, Final, cast

import uvicorn

from mdp_site.web_server.bounds import ConnectionBounds
from mdp_site.web_server.entrance import Application
from mdp_site.web_server.turns import Turns

if TYPE_CHECKING:
    from uvicorn._types import ASGIApplication


class WebServerConfig(uvicorn.Config):
    """uvicorn's configuration, through which connections find what they share."""

    def __init__(self, application: Application | str, *, bounds: ConnectionBounds, **options: Any) -> None:
        super().__init__(cast("ASGIApplication | str", application), **options)
        self.bounds: Final = bounds
        self.turns: Final = Turns()
