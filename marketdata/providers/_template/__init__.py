"""A provider to copy: a small one that works, whose feed is a WebSocket. docs/provider.md says what to do.

`plugin` is the entrance. `configuration` reads its settings, `feed` keeps the connection, `wire` says how its
events are written, `wire_format` turns them into batches and columns.
"""
