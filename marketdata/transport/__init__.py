"""Market data queues (MDQ): FIFO, one per event class and shard, five-second life, never persistent."""
