"""Whether the announcements of a shard follow each other, or one of them was missed."""

import enum


class Succession(enum.Enum):
    """How an announcement follows the one before."""

    NEXT = enum.auto()
    KNOWN = enum.auto()
    GAP = enum.auto()


class TickFollower:
    """The newest tick of a shard that was taken over. Ticks count from 1 without gaps within an epoch."""

    def __init__(self) -> None:
        self.epoch = 0
        self.tick = 0

    def follow(self, epoch: int, tick: int) -> Succession:
        """Note an announcement. Another epoch counts as a gap: the owner before may have announced more."""
        same_epoch = epoch == self.epoch
        if same_epoch and tick <= self.tick:
            return Succession.KNOWN
        follows = (same_epoch and tick == self.tick + 1) or self.epoch == 0
        self.go_on_from(epoch, tick)
        return Succession.NEXT if follows else Succession.GAP

    def go_on_from(self, epoch: int, tick: int) -> None:
        """Note that all up to a tick is known, as of a stored whole."""
        self.epoch, self.tick = epoch, tick
