"""Processors: one shard's events in, table, store and announcements out.

`shard.py` decides and does no I/O; `service.py` moves bytes between the queues, the shard and the store.
"""

from scanners.processor.service import Processor
from scanners.processor.shard import ShardProcessor

__all__ = ["Processor", "ShardProcessor"]
