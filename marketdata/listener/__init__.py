"""The listener: one provider connection in, batches for the queues out.

Frames wait in the provider's bounded buffer. One task takes all that wait, routes them together and makes a
batch for each (queue, shard) that got events; another publishes together whatever came while the broker had
the last publication. At most two groups wait for it: while the broker is slow the next frames stay in the
buffer and make larger batches, and while it is away the socket is still drained, the oldest frames give
way, and what outlived the queues' TTL is not published any more. Every event is accounted for (`ledger`).

`service` ties the parts together. `batches` routes, and `publishing` hands over to the broker. `role` says
how the role of the one listener is held. `steering` follows what operators want (`wanted`), and `report`
says what is. `feed_recorder` is the same role without queues: it records the feed.
"""

from marketdata.listener.service import Listener

__all__ = ["Listener"]
