"""Processors: one shard's events in, table, store and announcements out.

`service` runs the shards of a process. For each an `owner` waits for its `turn`, moves batches from the
queues into the shard, and acknowledges them once a tick is stored; `stored_shard` is the shard's state in the
cache. `dependencies` says what keeps an owner from working. `outcome` counts what became of the events, and
judges by that whether the listener's clock is behind.

`shard` applies the events of one shard and does no I/O. It asks `market_time` which events are of now (with
`clock_dispute` where clocks differ), `admission` which symbols have a row, and `reference` what is known of
them.

`tick` is what a shard publishes: its rows, the emissions of analyzers, what was `set_aside` as not
understood, and those parts of the `checkpoint` that are due.
"""

from scanners.processor.service import Processor
from scanners.processor.shard import ShardProcessor

__all__ = ["Processor", "ShardProcessor"]
