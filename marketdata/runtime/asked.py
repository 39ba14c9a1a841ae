"""What other tasks ask of a task that works in turns, and its answers."""

import asyncio
from collections.abc import Sequence
from typing import Final, Generic, TypeVar

from marketdata.errors import MarketDataError

Wish = TypeVar("Wish")
Answer = TypeVar("Answer")


class Question(Generic[Wish, Answer]):
    """One wish. `answer` is awaited by the task that asked, which may give up before."""

    def __init__(self, wish: Wish) -> None:
        self.wish: Final = wish
        self.answer: Final[asyncio.Future[Answer]] = asyncio.get_running_loop().create_future()

    def fulfil(self, answer: Answer) -> None:
        """Answer, unless that was done or the task that asked gave up."""
        if not self.answer.done():
            self.answer.set_result(answer)

    def refuse(self, error: MarketDataError) -> None:
        """Let the task that asked get this error, unless it was answered or does not wait."""
        if not self.answer.done():
            self.answer.set_exception(error)


class Asked(Generic[Wish, Answer]):
    """The open questions to one task. It takes them between two turns of its work.

    Concurrency: for one event loop.
    """

    def __init__(self) -> None:
        self._waiting: list[Question[Wish, Answer]] = []
        self._taken: list[Question[Wish, Answer]] = []

    def ask(self, wish: Wish) -> asyncio.Future[Answer]:
        """Ask. The answer may be an error that the work raised."""
        question: Question[Wish, Answer] = Question(wish)
        self._waiting.append(question)
        return question.answer

    def take(self) -> Sequence[Question[Wish, Answer]]:
        """What was asked since the last call. Each question is to be answered before the next one."""
        self._taken, self._waiting = self._waiting, []
        return self._taken

    def refuse_all(self, error: MarketDataError) -> None:
        """Refuse all that is not answered, since the work has ended."""
        for question in (*self._taken, *self._waiting):
            question.refuse(error)
        self._taken, self._waiting = [], []
