"""The configuration that the server's protocols share."""

from typing import TYPE_CHECKING, Any, Final, cast

import uvicorn

from mdp_site.web_server.bounds import ConnectionBounds
from mdp_site.web_server.entrance import Application

if TYPE_CHECKING:
    from uvicorn._types import ASGIApplication


class WebServerConfig(uvicorn.Config):
    """uvicorn's configuration, through which each new connection finds the server's `ConnectionBounds`."""

    def __init__(self, application: Application | str, *, bounds: ConnectionBounds, **options: Any) -> None:
        super().__init__(cast("ASGIApplication | str", application), **options)
        self.bounds: Final = bounds
