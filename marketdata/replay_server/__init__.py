"""Serves recordings through the protocol of the recorded provider: `manage.py replay_feed`.

`service.py` plays a recording at its pace. The server is in the provider's emulator
(`marketdata.providers.emulator`).
"""
