"""A load client that is not the bottleneck: thousands of WebSocket clients in one thread of C.

`build` compiles the sources beside this file, `LoadClient` runs the program, `requests` has handshakes as
browsers and programs send them.
"""

from tests.bench.load_client.build import CompilerMissingError, build
from tests.bench.load_client.driver import Group, LoadClient, LoadClientError, Report, Times, descriptor_limit
from tests.bench.load_client.requests import Login, handshake

__all__ = [
    "CompilerMissingError",
    "Group",
    "LoadClient",
    "LoadClientError",
    "Login",
    "Report",
    "Times",
    "build",
    "descriptor_limit",
    "handshake",
]
