"""Market data queues (MDQ): FIFO, one for each event class and shard, with a TTL of 5 s, never persistent."""
