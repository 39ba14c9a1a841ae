"""The intervals and limits of the hub's tasks, in seconds."""

import msgspec

from widgets.hub.verdict import FRESH_SECONDS


class HubTiming(msgspec.Struct, frozen=True, kw_only=True):
    """Intervals of a hub. The defaults are those of production.

    fresh: data is live up to this age.
    status: an unchanged status is sent again after this time.
    housekeeping: interval of sending changed details, ending stalled connections, and updating metrics.
    recovery: while data is not live, a walk leads to a new status at most this often.
    catching_up: announcements that wait are merged before the next emission, but it waits at most this long.
    longest_stall: a connection whose client reads nothing for this time is ended.
    read: a key is read from the store at most this often.
    retry: pause before the next read after the store did not answer.
    restart: pause before the hub starts over after a defect.
    listener: interval of reading the listener's record.
    store: a store that has not answered that read for this time is away. With the interval it is less than
    `fresh`, so that a store that hangs is the reason before its data is old.
    """

    fresh_seconds: float = FRESH_SECONDS
    status_seconds: float = 5.0
    housekeeping_seconds: float = 1.0
    recovery_seconds: float = 0.25
    catching_up_seconds: float = 1.0
    longest_stall_seconds: float = 30.0
    read_seconds: float = 0.1
    retry_seconds: float = 1.0
    restart_seconds: float = 1.0
    listener_seconds: float = 1.0
    store_seconds: float = 3.0
