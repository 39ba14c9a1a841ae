"""A processor applies the events of its shards to their tables, stores the result and announces it.

`service` runs the shards of a process. For each an `owner` waits for its `turn`, moves batches from the
queues into the shard, stores its ticks in the cache, and then acknowledges the batches. `dependencies`
reports the failures that keep an owner from its work. `outcome` counts the events that were applied, ignored
and rejected, keeps the pieces that were set aside, and detects by the counts whether the listener's clock is
behind. It also keeps the books of the events and of the batches.

`purge` drops what waits in the queues of the owned shards, when operators ask for it.

`shard` applies the events of one shard and does no I/O. `market_time` decides which events belong to the
present day, also where clocks differ. `symbol_rows` decides which symbols get a row, and fills the reference
data into the rows. `switches` knows which analyzers operators have switched off.

`pace` decides when the next tick comes. `tick` makes the ticks of a shard. A tick has the changed rows, the
emissions of analyzers, the pieces that were set aside because they were not understood, and the due parts of
the checkpoint. Some ticks store all rows, the others append the changed rows to the row log.
"""

from scanners.processor.service import Processor
from scanners.processor.shard import ShardProcessor

__all__ = ["Processor", "ShardProcessor"]
