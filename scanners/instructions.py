"""The instructions that processors and scanners carry out: their names, and the values of their arguments."""

from typing import Final

from marketdata.schema.boards import ALL_BOARDS
from marketdata.transport.queues import QueueName

PURGE_QUEUE: Final = "purge_queue"
RESET_BOARD: Final = "reset_board"

ALL: Final = "all"
"""All queues, or all boards."""

BOARDS: Final = (ALL, *ALL_BOARDS)
QUEUES: Final = (ALL, *(queue.value for queue in QueueName))
