"""Massive.com as a provider; `plugin.py` is the entrance.

Settings: `settings.py` (as read), `configuration.py` (checked).
The feed: `client.py` (keeps it connected), `connection.py` (one connection), `connection_end.py`
(why it ended, and how long to wait), `market_hours.py` (whether silence is to be expected).
Its events: `wire.py` (fields and types), `framing.py` (frames to queues), `headers.py` (what a recording
must know of them), `decoders.py` (codes to the platform's words), `wire_format.py` (these together).
REST: `rest/`.
"""
