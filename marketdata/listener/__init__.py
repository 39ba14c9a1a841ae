"""The listener: one provider connection in, batches for the queues out.

Frames wait in the provider's bounded buffer. One task takes all waiting frames, routes them together and
makes one batch for each (queue, shard) that received events. These batches are one group. A second task
publishes the groups: all that are ready go to the broker together, while at most two more wait. While the
broker is slow, frames stay in the buffer and form larger batches later. While it is away, the socket is still
drained: the oldest frames are dropped, and batches older than the queues' TTL are not published. Every event
is accounted for (`Ledger`).

`service` connects the parts. `batches` has the two tasks and the `Ledger`. `role` is the lease that only one
listener holds. `steering` follows the state that operators want (`wanted`); `report` builds the record of the
actual state. `feed_recorder` holds the same role, and records the feed to disk instead of filling queues.
"""

from marketdata.listener.service import Listener

__all__ = ["Listener"]
