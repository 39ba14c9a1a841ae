"""`manage.py run_web`, whose hub fails once after each SIGUSR1: with the next announcement that it takes.

A hub has no way to be broken from outside, so the fault is put into this process, and only here.
"""

import signal
import sys
from types import FrameType

from django.core.management import execute_from_command_line

FAULT = "a fault that a test asked for"


def arm() -> None:
    """Let the hub fail after each SIGUSR1."""
    from widgets.hub.switchboard import Switchboard  # noqa: PLC0415 - it needs the settings

    take = Switchboard.take
    asked: list[int] = []

    def ask(number: int, _frame: FrameType | None) -> None:
        asked.append(number)

    def take_or_fail(self: Switchboard, channel: str, block: object) -> None:
        if asked:
            asked.clear()
            raise RuntimeError(FAULT)
        take(self, channel, block)  # type: ignore[arg-type]  # what it was called with

    Switchboard.take = take_or_fail  # type: ignore[method-assign]
    signal.signal(signal.SIGUSR1, ask)


if __name__ == "__main__":
    arm()
    execute_from_command_line(["manage.py", *sys.argv[1:]])
