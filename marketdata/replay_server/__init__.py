"""Recordings served through the provider's own protocol: `manage.py replay_feed`.

`fan_out.py` (who gets what of a frame), `rest.py` (the REST calls) and `service.py` (the whole as a service).
"""
