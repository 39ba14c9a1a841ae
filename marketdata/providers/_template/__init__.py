"""A provider to copy: small, working, with a WebSocket feed. docs/provider.md explains the steps.

`plugin` is the entry point. `configuration` reads the settings, `feed` keeps the connection, `wire` declares
the events, `wire_format` turns them into batches and columns.
"""
