"""Queues in RabbitMQ, by way of aio-pika.

Queues
    ``{prefix}.{queue}.{shard}``, classic, with ``x-message-ttl``, ``x-max-length`` with
    ``x-overflow: drop-head``, and ``x-single-active-consumer``. They are durable and hold only transient
    messages: the definitions outlive a restart of the broker, so that nobody has to be first, and the
    batches do not. (Transient queues that are not exclusive are deprecated since RabbitMQ 4.)
Message
    Its body is the batch's body byte for byte; the rest of the `Batch` travels in headers.
Ownership
    Single active consumer is a promise per queue: two processors could each get some queues of a shard.
    So the owner holds an exclusive queue ``{prefix}.owner.{shard}`` as a lock, which the broker gives up
    with the connection; a standby asks for it every half second. Single active consumer is still of
    use: a queue serves the next owner only once it has taken back, in order, what the last had on loan.
    Each subscription has a connection of its own, since exclusive means exclusive to a connection.
    A heartbeat of one second makes the broker notice a vanished peer in 2 to 3 s; the owner asks the
    broker itself at least once a second whether the lock stands before it hands out what it has prefetched.
Connections
    Plain, not aio-pika's robust ones. Those of 10.2 do come back with their consumers after the broker was
    killed or restarted (tried; earlier ones had a history of hanging without), but by themselves: an
    owner that lost its shard would consume again, and declare its lock again, without having acquired.
    Here a connection that failed is dropped; the next call makes a new one and declares all again.
    All queues share one channel for publishing, and all queues of a shard one for consuming. A channel for
    each queue was measured beside that, six batches of 170 kB at a time with confirms: the same work for us
    (1.8 ms of processor time) and a third more for the broker (2.0 against 1.5 ms), 1.1 against 1.4 million
    events/s. What a failing channel would isolate is nothing here: any failure renews the connection.
"""

from marketdata.transport.rabbitmq.transport import RabbitMQTransport

__all__ = ["RabbitMQTransport"]
