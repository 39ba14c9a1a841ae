"""Detects missed announcements of a shard."""

import enum


class Succession(enum.Enum):
    """The relation of an announcement to the one before."""

    NEXT = enum.auto()
    KNOWN = enum.auto()
    GAP = enum.auto()


class TickFollower:
    """The newest known tick of a shard. Ticks count from 1 without gaps within an epoch."""

    def __init__(self) -> None:
        self.epoch = 0
        self.tick = 0

    def follow(self, epoch: int, tick: int) -> Succession:
        """Note an announcement. Another epoch is a gap: the owner before may have announced more ticks."""
        same_epoch = epoch == self.epoch
        if same_epoch and tick <= self.tick:
            return Succession.KNOWN
        follows = (same_epoch and tick == self.tick + 1) or self.epoch == 0
        self.go_on_from(epoch, tick)
        return Succession.NEXT if follows else Succession.GAP

    def go_on_from(self, epoch: int, tick: int) -> None:
        """Note that all ticks up to this one are known, because all stored rows of it were read."""
        self.epoch, self.tick = epoch, tick
