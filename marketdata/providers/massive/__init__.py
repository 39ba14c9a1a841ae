"""Massive.com as a provider; `plugin.py` is the entry point.

Settings: `settings.py` (as read), `configuration.py` (checked).
The feed: `client.py` (keeps it connected), `connection.py` (one connection), `connection_end.py`
(the reason of its end, and the wait before the next), `market_hours.py` (whether the market is open).
Its events: `wire.py` (fields and types), `framing.py` (frames to queues), `headers.py` (headers for
recordings), `decoders.py` (codes to the platform's terms), `wire_format.py` (combines these).
REST: `rest/`.
"""
