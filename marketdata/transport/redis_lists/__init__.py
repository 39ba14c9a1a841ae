"""Queues as Redis (or Valkey) lists: the embedded transport, which needs no broker beside the cache.

Keys, all under the prefix and each with a lifetime, so that an abandoned queue vanishes:

=================================  ======  ==========================================================
``{prefix}:{queue}:{shard}``       list    waiting batches, oldest first (bytes: `envelope`)
``{prefix}:{queue}:{shard}:loan``  hash    delivery number -> batch that is not acknowledged
``{prefix}:wake:{shard}``          list    one token after a publication; readers block on it
``{prefix}:owner:{shard}``         string  the lease: which subscription owns the shard
=================================  ======  ==========================================================

Publishing is one pipeline. Every operation of an owner is a script that checks the lease in the same step, so
a reader that was paused beyond its lease gets nothing and removes nothing. Acquiring the shard puts
unacknowledged batches back to the head of their queue, in order.

The publisher drops batches that are too old or too many; the reader drops those that expired later. Both use
their own clock: machines that share queues must be synchronised (NTP) to a small part of the TTL.
"""

from marketdata.transport.redis_lists.transport import RedisListTransport

__all__ = ["RedisListTransport"]
