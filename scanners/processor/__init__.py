"""Processors: one shard's events in, table, store and announcements out.

`service` runs the shards of a process. For each an `owner` takes its turn (`turn`), moves bytes between
queues, shard and store, and says what keeps it from that (`dependencies`).

`shard` is the state of one shard and does no I/O. It asks `market_time` which events are of now (with
`clock_dispute` and `clock_agreement` where clocks differ), `admission` which symbols get a row, and
`reference` what is known of them. `set_aside` keeps what was not understood, and `emissions` what happened,
until a tick publishes them.
"""

from scanners.processor.service import Processor
from scanners.processor.shard import ShardProcessor

__all__ = ["Processor", "ShardProcessor"]
