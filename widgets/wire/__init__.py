"""The way of prepared frames to a socket, below Channels and above the server.

`frames` has the frame that is encoded once for all its receivers. `sink` has the interface through which the
hub writes frames to one connection. The web server provides the fast implementation.
"""

from widgets.wire.frames import PreparedFrame
from widgets.wire.sink import SINK_EXTENSION, FrameSink

__all__ = ["SINK_EXTENSION", "FrameSink", "PreparedFrame"]
