"""Queues as Redis (or Valkey) lists: the embedded transport, with no broker beside the cache.

Keys, all under the prefix and each with a lifetime, so that an abandoned queue vanishes:

=================================  ======  ==========================================================
``{prefix}:{queue}:{shard}``       list    batches that wait, oldest first (bytes: `envelope`)
``{prefix}:{queue}:{shard}:loan``  hash    loan number -> batch, until acknowledged
``{prefix}:wake:{shard}``          list    one token when something was published: readers block on it
``{prefix}:owner:{shard}``         string  the lease: which subscription owns the shard
=================================  ======  ==========================================================

Publishing is one pipeline. Whatever needs ownership is a script that checks the lease in the same step,
so a reader that was paused beyond its lease gets nothing and removes nothing. Who acquires the
shard first puts what was on loan back to the head of its queue, in order.

The publisher trims what is too old or too much, the reader drops what grew too old since. Both judge by
their own clock: machines that share queues need theirs synchronised (NTP) to a small part of the TTL.
"""

from marketdata.transport.redis_lists.transport import RedisListTransport

__all__ = ["RedisListTransport"]
