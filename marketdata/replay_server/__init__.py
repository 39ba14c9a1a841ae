"""Recordings served through the protocol of the recorded provider: `manage.py replay_feed`.

`service.py` plays a recording at its pace. The provider's emulator (`marketdata.providers.emulator`)
has the server.
"""
