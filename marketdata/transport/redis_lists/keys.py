"""The keys of the lists and leases; the package's docstring says what they hold."""

from marketdata.transport.queues import QueueName


class Names:
    """The keys of one prefix."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def queue(self, queue: QueueName, shard: int) -> str:
        """The key of the waiting batches."""
        return f"{self._prefix}:{queue}:{shard}"

    def unacknowledged(self, queue: QueueName, shard: int) -> str:
        """The key of the delivered batches that are not acknowledged."""
        return f"{self.queue(queue, shard)}:loan"

    def wake(self, shard: int) -> str:
        """The key of the token that wakes the reader."""
        return f"{self._prefix}:wake:{shard}"

    def lease(self, shard: int) -> str:
        """The key of the lease, which holds the shard's owner."""
        return f"{self._prefix}:owner:{shard}"
