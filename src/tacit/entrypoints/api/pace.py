"""How fast the other end of a connection is: who sends a byte a minute must not hold a connection for ever."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

from tacit.errors import BadInput

Slowness = Literal["head", "body", "answer"]
_DOING = {"head": "The head of the request", "body": "The body of the request"}


@dataclass(frozen=True)
class PaceRules:
    """How slow is too slow.

    Attributes:
        head_seconds: For the head of a request to arrive.
        body_idle_seconds: For the next piece of a body, and for the next piece of an answer to be fetched.
        body_seconds: For a whole body to arrive.
    """

    head_seconds: float = 10.0
    body_idle_seconds: float = 10.0
    body_seconds: float = 60.0


class Pace:
    """What one connection waits for, and since when."""

    __slots__ = ("_began", "_heard", "_paused", "_reading")

    def __init__(self) -> None:
        self._reading: Literal["head", "body"] | None = None
        self._began = self._heard = time.monotonic()
        self._paused: float | None = None

    def begin_head(self) -> None:
        """A request begins, or is awaited on a new connection."""
        self._reading, self._began = "head", time.monotonic()

    def begin_body(self) -> None:
        """The head is there."""
        self._reading, self._began = "body", self._heard

    def end_message(self) -> None:
        """All of the request is there; what comes next is the server's to wait for."""
        self._reading = None

    def hear(self) -> None:
        """Something came."""
        self._heard = time.monotonic()

    @property
    def silent_seconds(self) -> float:
        """For how long nothing came."""
        return time.monotonic() - self._heard

    def begin_waiting(self) -> None:
        """The other end fetches no more of what was written."""
        self._paused = time.monotonic()

    def end_waiting(self) -> None:
        """It goes on."""
        self._paused = None

    def slow_at(self, rules: PaceRules) -> Slowness | None:
        """What the other end is too slow at, if anything."""
        now = time.monotonic()
        if self._paused is not None and now - self._paused > rules.body_seconds:
            return "answer"
        if self._reading == "head" and now - self._began > rules.head_seconds:
            return "head"
        is_body = self._reading == "body" and self._paused is None
        if is_body and (now - self._heard > rules.body_idle_seconds or now - self._began > rules.body_seconds):
            return "body"
        return None


def too_slow(reason: str) -> BadInput:
    """What who was too slow is told."""
    detail = f"{_DOING[reason]} came too slowly."
    return BadInput("request_too_slow", detail, fix="Send it in one go, or in smaller requests.")
