"""The server of the web processes: uvicorn, with protocols for prepared frames and hostile input."""

from mdp_site.web_server.server import WebServer
from mdp_site.web_server.sockets import bound_sockets

__all__ = ["WebServer", "bound_sockets"]
