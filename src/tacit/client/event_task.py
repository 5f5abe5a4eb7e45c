"""The task that delivers what other tasks send."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from tacit.client.answers import Reply
from tacit.client.courier import Batch, Courier
from tacit.client.event_thread import Told
from tacit.client.exchange import failure_of
from tacit.client.values import Event, Report, Undelivered
from tacit.errors import Refused, TacitError, Unavailable

logger = logging.getLogger(__name__)


class EventTask:
    """Takes events from the tasks of one event loop and delivers them from one of its own, which starts with the first.

    Args:
        courier: What is sent when, and what became of it.
        post: Sends a batch; raises a `TacitError` if there is no reply.
        on_dropped: Told of each event that will have no effect.
    """

    def __init__(self, courier: Courier, post: Callable[[bytes], Awaitable[Reply]], on_dropped: Told) -> None:
        self._courier, self._post, self._on_dropped = courier, post, on_dropped
        self._changed = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._is_closed = False

    async def add(self, event: Event, *, wait: float) -> None:
        """Take an event, waiting for room for so long.

        Raises:
            BadInput, Unavailable: As `Courier.add`.
            Refused: `client_closed`.
        """
        until = time.monotonic() + wait
        async with self._changed:
            while not self._has_taken(event, is_last_try=time.monotonic() >= until):
                self._courier.hurry()
                self._changed.notify_all()
                await self._wait(until - time.monotonic())
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._run(), name="tacit-events")
            self._changed.notify_all()

    async def flush(self, timeout: float) -> Report:
        """Wait until everything taken so far is answered for, but no longer than so many seconds."""
        async with self._changed:
            if not self._is_closed:
                await self._await_all(timeout)
            return self._courier.report()

    async def close(self, timeout: float) -> Report:
        """Deliver what can be delivered in so many seconds, and give back the rest; nothing if it was closed before."""
        async with self._changed:
            if self._is_closed:
                return self._courier.report()
            await self._await_all(timeout)
            self._is_closed = True
            report = self._courier.abandon()
            self._changed.notify_all()
        self._tell(self._courier.told())
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        return report

    def _has_taken(self, event: Event, *, is_last_try: bool) -> bool:
        if self._is_closed:
            raise Refused("client_closed", "The client is closed.", fix="Make another.")
        try:
            self._courier.add(event)
        except Unavailable:
            if is_last_try:
                raise
            return False
        return True

    async def _await_all(self, timeout: float) -> None:
        target, until = self._courier.last_place, time.monotonic() + timeout
        self._courier.hurry()
        self._changed.notify_all()
        while self._courier.first_unsettled <= target and not self._is_closed and time.monotonic() < until:
            await self._wait(until - time.monotonic())

    async def _wait(self, seconds: float | None) -> None:
        """Wait for a change, at most so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()

    async def _run(self) -> None:
        while (batch := await self._next()) is not None:
            await self._deliver(batch)

    async def _next(self) -> Batch | None:
        """The next batch, when it is time for it; `None` once closed."""
        async with self._changed:
            while not self._is_closed:
                batch = self._courier.take()
                if batch is not None:
                    return batch
                await self._wait(self._courier.next_wait())
        return None

    async def _deliver(self, batch: Batch) -> None:
        try:
            reply: Reply | TacitError = await self._post(batch.body)
        except Exception as problem:  # whatever happened, the events are still here
            reply = problem if isinstance(problem, TacitError) else failure_of(problem)
        async with self._changed:
            if isinstance(reply, TacitError):
                self._courier.failed(reply)
            else:
                self._courier.answered(reply)
            self._tell(self._courier.told())
            self._changed.notify_all()

    def _tell(self, told: list[Undelivered]) -> None:
        for each in told:
            try:
                self._on_dropped(each)
            except Exception:
                logger.exception("callback_failed")
