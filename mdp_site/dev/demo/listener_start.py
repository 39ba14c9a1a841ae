"""Starts a listener that an operator stopped in an earlier run of the demo.

Settings survive a restart. But a demo without a feed would not become ready, and its page would be empty.
"""

from marketdata.listener.wanted import SERVICE as LISTENER
from mdp_site.control_plane import changes, history
from mdp_site.control_plane.actors import terminal_actor


def start_stopped_listener() -> None:
    """Make a revision in which the listener runs, if the newest one stops it."""
    newest = history.newest(LISTENER)
    if newest is not None and newest.given.get("running") is False:
        changes.act(LISTENER, "start", actor=terminal_actor(), reason="the demo starts")
