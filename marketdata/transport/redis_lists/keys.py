"""The keys of one prefix; the package says what they hold."""

from marketdata.transport.queues import QueueName


class Names:
    """The keys of one prefix."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def queue(self, queue: QueueName, shard: int) -> str:
        """Batches that wait."""
        return f"{self._prefix}:{queue}:{shard}"

    def loan(self, queue: QueueName, shard: int) -> str:
        """Batches on loan."""
        return f"{self.queue(queue, shard)}:loan"

    def wake(self, shard: int) -> str:
        """The token that wakes the reader."""
        return f"{self._prefix}:wake:{shard}"

    def lease(self, shard: int) -> str:
        """Who owns the shard."""
        return f"{self._prefix}:owner:{shard}"
