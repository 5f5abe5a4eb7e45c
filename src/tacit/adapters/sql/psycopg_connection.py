"""A connection to PostgreSQL that keeps deadlines; the one module that loads the driver, which is an extra."""

from __future__ import annotations

import math
from select import POLLIN, poll
from typing import Any

import psycopg
from psycopg.abc import PQGen

from tacit.adapters.deadlines import remaining

DriverError = psycopg.Error
"""Whatever the driver raises."""


class DeadlinePassedError(psycopg.OperationalError):
    """The database did not answer by the deadline; the connection is closed."""


class DeadlineConnection(psycopg.Connection[Any]):
    """A connection whose every wait ends at the deadline of the thread that waits (`deadlines.within`).

    The driver sends and receives without blocking and waits in one place, here.  A server that is stopped answers
    neither a query nor the request to cancel it, so there is no asking it to stop: the connection is closed, which it
    notices when it runs again.
    """

    def wait(self, gen: PQGen[Any], interval: float = 0.1, timeout: float | None = None) -> Any:
        left = remaining()
        try:
            return super().wait(gen, interval, timeout if left == math.inf else left)
        except psycopg.OperationalError:
            if remaining() > 0:
                raise
        self.close()
        raise DeadlinePassedError("no answer by the deadline")

    def choose_transaction(self, *, is_writing: bool) -> None:
        """Say what the next transaction is: one view of everything, or what each statement finds committed."""
        level = psycopg.IsolationLevel.READ_COMMITTED if is_writing else psycopg.IsolationLevel.REPEATABLE_READ
        self.isolation_level = level
        # Whether a writer may write is for the server to say: it may be a standby, or set to read-only by its operator.
        self.read_only = None if is_writing else True

    def is_stale(self) -> bool:
        """Whether the server closed it, or said something, while nobody used it: it costs no question to find out."""
        if self.closed:
            return True
        socket = poll()
        socket.register(self.fileno(), POLLIN)
        return bool(socket.poll(0))
