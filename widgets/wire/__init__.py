"""The way of prepared frames to a socket, below Channels and above the server.

`frames` has the frame that is encoded once for all its receivers. `sink` writes such frames to one
connection: the interface that the hub uses, and its implementation for our web server.
"""

from widgets.wire.frames import PreparedFrame
from widgets.wire.sink import SINK_EXTENSION, ConnectionSink, FrameSink

__all__ = ["SINK_EXTENSION", "ConnectionSink", "FrameSink", "PreparedFrame"]
