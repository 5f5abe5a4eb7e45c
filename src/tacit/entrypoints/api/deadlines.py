"""A request's deadline: answered by then, or told that it was not, whatever hangs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from typing import Protocol

from starlette.types import Message, Receive

from tacit.errors import Unavailable
from tacit.serving.budgets import Budget


class Room(Protocol):
    """What a request that is at work takes up."""

    def step_out(self) -> None:
        """It waits for its sender, and is in nobody's way."""
        ...

    def step_in(self) -> None:
        """It is at work again."""
        ...


class Deadline:
    """Of one request.  It is kept as soon as the answer begins, however slowly that is fetched; and what the sender
    takes to send a body is not taken from what we have to answer.

    Args:
        budget: Says until when.
        has_body: Whether one is to come.
        room: What the request takes up meanwhile.
    """

    def __init__(self, budget: Budget, *, has_body: bool, room: Room | None = None) -> None:
        self._budget, self._has_body, self._room = budget, has_body, room
        self._limit: asyncio.Timeout | None = None

    async def keep(self, answering: Awaitable[None]) -> Unavailable | None:
        """Await what answers; why it was given up, if the answer had not begun by the deadline."""
        try:
            async with asyncio.timeout(self._budget.left) as self._limit:
                await answering
        except TimeoutError:
            if self._limit is None or not self._limit.expired():
                raise
            return deadline_exceeded()
        return None

    def is_kept(self) -> None:
        """The answer begins; however slowly it is fetched, that is in nobody's way."""
        self._move(None)
        if self._room is not None:
            self._room.step_out()

    def receiving(self, receive: Receive) -> Receive:
        """The same, without the time that is waited there for a body."""
        return self._received_by(receive) if self._has_body else receive

    def _received_by(self, receive: Receive) -> Receive:
        async def received() -> Message:
            if not self._has_body:
                return await receive()
            began = time.monotonic()
            self._move(None)
            if self._room is not None:
                self._room.step_out()
            try:
                message = await receive()
            finally:
                if self._room is not None:
                    self._room.step_in()
            self._has_body = bool(message.get("more_body", False))
            self._budget.postponed(time.monotonic() - began)
            self._move(asyncio.get_running_loop().time() + self._budget.left)
            return message

        return received

    def _move(self, when: float | None) -> None:
        if self._limit is not None and not self._limit.expired():
            self._limit.reschedule(when)


def deadline_exceeded() -> Unavailable:
    """What whoever waited too long is told."""
    return Unavailable(
        "deadline_exceeded",
        "There was no answer in time; what was begun may yet be done.",
        fix="Ask again; what changes something may be sent again as it is.",
    )
