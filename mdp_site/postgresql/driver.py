"""psycopg, the driver, with connections that do not wait for ever.

A server that hangs, or a network that loses packets, keeps the connection open and never answers. Neither the
server's `statement_timeout` nor the keep-alive of TCP ends the wait then. So the client must.
"""

from typing import Any, Self

import psycopg
from psycopg import *  # noqa: F403 - Django takes errors and constructors of PEP 249 from its driver
from psycopg.abc import RV, PQGen
from psycopg.pq import TransactionStatus

_POLL_SECONDS = 0.1
"""How often a wait looks for signals, as psycopg's own."""


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that closes itself when an answer does not come within `answer_seconds`. 0: no bound."""

    answer_seconds = 0.0

    @classmethod
    def connect(cls, conninfo: str = "", *, answer_seconds: float = 0.0, **parameters: Any) -> Self:  # type: ignore[override] # it passes on whatever Django gives
        """A new connection. The driver's `connect_timeout` bounds how long it takes.

        Raises:
            OperationalError: the server cannot be reached, or refuses.
        """
        made = super().connect(conninfo, **parameters)
        made.answer_seconds = answer_seconds
        return made

    def wait(self, gen: PQGen[RV], interval: float = _POLL_SECONDS, timeout: float | None = None) -> RV:
        """Wait for an answer of the server, as all work on a connection does.

        Raises:
            OperationalError: no answer in time. The connection is closed, because the answer may still come.
        """
        if timeout is not None or not self.answer_seconds:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, self.answer_seconds)
        except psycopg.OperationalError as error:
            if self.pgconn.transaction_status != TransactionStatus.ACTIVE:
                raise
            self.close()
            msg = f"the database has not answered for {self.answer_seconds:g} s"
            raise psycopg.OperationalError(msg) from error


connect = BoundedConnection.connect  # type: ignore[assignment] # it takes one parameter more
