"""The server of the web processes: uvicorn, with protocols for prepared frames and hostile input."""

from mdp_site.web_server.server import WebServer

__all__ = ["WebServer"]
