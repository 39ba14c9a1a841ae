"""How often the hub does what it does, in seconds."""

import msgspec

from widgets.hub.verdict import FRESH_SECONDS


class HubTiming(msgspec.Struct, frozen=True, kw_only=True):
    """The pace of a hub; the defaults are those of production.

    fresh: up to this age data is live.
    status: a status that says nothing new is sent this often.
    housekeeping: how often other words for the same state are sent, stalled clients given up, frames counted.
    look: while data is not live the state is looked at this often, however many shards and boards speak.
    longest_stall: a client that takes nothing for so long is given up.
    read: a key is read from the store at most this often, whoever asks.
    retry: before the store is asked again after it was away.
    restart: before the hub starts over after a defect.
    listener: how often the listener's record is read.
    """

    fresh_seconds: float = FRESH_SECONDS
    status_seconds: float = 5.0
    housekeeping_seconds: float = 1.0
    look_seconds: float = 0.25
    longest_stall_seconds: float = 30.0
    read_seconds: float = 0.25
    retry_seconds: float = 1.0
    restart_seconds: float = 1.0
    listener_seconds: float = 1.0
