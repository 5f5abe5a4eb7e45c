"""The thread that delivers what other threads send."""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections.abc import Callable

from tacit.client.answers import Reply
from tacit.client.courier import Batch, Courier
from tacit.client.exchange import failure_of
from tacit.client.values import Event, Report, Undelivered
from tacit.errors import Refused, TacitError, Unavailable

logger = logging.getLogger(__name__)

Told = Callable[[Undelivered], object]


class EventThread:
    """Takes events from any thread and delivers them from one of its own, which starts with the first.

    Args:
        courier: What is sent when, and what became of it.
        post: Sends a batch; raises a `TacitError` if there is no reply.
        on_dropped: Told of each event that will have no effect, by the delivering thread.
    """

    def __init__(self, courier: Courier, post: Callable[[bytes], Reply], on_dropped: Told) -> None:
        self._courier, self._post, self._on_dropped = courier, post, on_dropped
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._is_telling = False

    def add(self, event: Event, *, wait: float) -> None:
        """Take an event, waiting for room for so long.

        Raises:
            BadInput, Unavailable: As `Courier.add`.
            Refused: `client_closed`.
        """
        until = time.monotonic() + wait
        with self._changed:
            while True:
                self._check_open()
                try:
                    self._courier.add(event)
                    break
                except Unavailable:
                    left = until - time.monotonic()
                    if left <= 0:
                        raise
                    self._courier.hurry()
                    self._changed.notify_all()
                    self._changed.wait(left)
            self._run_if_needed()
            self._changed.notify_all()

    def flush(self, timeout: float) -> Report:
        """Wait until everything taken so far is answered for, but no longer than so many seconds."""
        with self._changed:
            if self._is_closed:
                return self._courier.report()
            self._await_all(timeout)
            return self._courier.report()

    def close(self, timeout: float) -> Report:
        """Deliver what can be delivered in so many seconds, and give back the rest; nothing if it was closed before."""
        atexit.unregister(self._close_at_exit)
        with self._changed:
            if self._is_closed:
                return self._courier.report()
            self._await_all(timeout)
            self._is_closed = True
            report, told = self._courier.abandon(), self._courier.told()
            self._changed.notify_all()
        self._tell(told)
        return report

    def _await_all(self, timeout: float) -> None:
        target = self._courier.last_place
        self._courier.hurry()
        self._changed.notify_all()
        self._changed.wait_for(
            lambda: self._is_closed or (self._courier.first_unsettled > target and not self._is_telling), timeout
        )

    def _check_open(self) -> None:
        if self._is_closed:
            raise Refused("client_closed", "The client is closed.", fix="Make another.")

    def _run_if_needed(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="tacit-events", daemon=True)
            self._thread.start()
            atexit.register(self._close_at_exit)

    def _close_at_exit(self) -> None:
        # Without it, what was sent in a program's last moments would be lost without a word.
        self.close(timeout=5.0)

    def _run(self) -> None:
        while (batch := self._next()) is not None:
            self._deliver(batch)

    def _next(self) -> Batch | None:
        """The next batch, when it is time for it; `None` once closed."""
        with self._changed:
            while not self._is_closed:
                batch = self._courier.take()
                if batch is not None:
                    return batch
                self._changed.wait(self._courier.next_wait())
        return None

    def _deliver(self, batch: Batch) -> None:
        try:
            reply: Reply | TacitError = self._post(batch.body)
        except Exception as problem:  # whatever happened, the events are still here
            reply = problem if isinstance(problem, TacitError) else failure_of(problem)
        with self._changed:
            if isinstance(reply, TacitError):
                self._courier.failed(reply)
            else:
                self._courier.answered(reply)
            told = self._courier.told()
            self._is_telling = bool(told)
        self._tell(told)
        with self._changed:
            self._is_telling = False
            self._changed.notify_all()

    def _tell(self, told: list[Undelivered]) -> None:
        for each in told:
            try:
                self._on_dropped(each)
            except Exception:
                logger.exception("callback_failed")


def log_dropped(dropped: Undelivered) -> None:
    """What is done about an event without effect, unless something else is asked for: a warning in the log."""
    logger.warning(
        "event_dropped", extra={"event_id": dropped.event.event_id, "code": dropped.code, "detail": dropped.detail}
    )
