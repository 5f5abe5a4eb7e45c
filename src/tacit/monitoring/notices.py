"""Whom to tell that nobody watches, and when again: at the beginning, every few hours while it lasts, at the end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from tacit.errors import Unavailable
from tacit.monitoring.watch import Trouble

RETRY_SECONDS = 30.0
"""The pause before a notice that nobody took is offered again."""


class Notifier(Protocol):
    """A way to people that needs neither Prometheus nor Alertmanager."""

    def notify(self, title: str, text: str) -> None:
        """Hand a notice over.

        Raises:
            Unavailable: Some address did not take it.
        """
        ...


@dataclass(frozen=True)
class Told:
    """What was told of one trouble.

    Attributes:
        at: When it was last tried, in seconds of the clock.
        is_taken: Whether everybody took it.
        detail: What it said.
        is_heard: Whether it was taken then or before.
    """

    at: float
    is_taken: bool
    detail: str
    is_heard: bool = False


class Notices:
    """Tells people of troubles through a notifier.

    Args:
        notifier: The way to them.
        name: What this installation is called there.
        again_seconds: How often they are told again while a trouble lasts.
    """

    def __init__(self, notifier: Notifier, name: str, again_seconds: float) -> None:
        self._notifier, self._name, self._again_seconds = notifier, name, again_seconds
        self._told: dict[str, Told] = {}
        self._to_end: dict[str, Told] = {}

    def tell(self, troubles: Iterable[Trouble], now: float) -> list[bool]:
        """Tell what is due; returns for each notice whether it was taken.

        Args:
            troubles: All there are now.
            now: Seconds of a clock that does not go back.
        """
        standing = {each.name: each for each in troubles}
        for name in [name for name in self._told if name not in standing]:
            told = self._told.pop(name)
            if told.is_heard:  # of what nobody heard, nobody needs to hear that it is over
                self._to_end[name] = Told(now - RETRY_SECONDS, False, told.detail)
        due = [name for name in standing if self._is_due(self._told.get(name), now)]
        taken = []
        for name in due:
            self._to_end.pop(name, None)
            detail, before = standing[name].detail, self._told.get(name)
            is_taken = self._send(f"[TROUBLE] {self._name}: {name}", detail)
            self._told[name] = Told(now, is_taken, detail, is_taken or (before is not None and before.is_heard))
            taken.append(is_taken)
        return [*taken, *self._tell_ends(now)]

    def _tell_ends(self, now: float) -> list[bool]:
        taken = []
        for name, told in list(self._to_end.items()):
            if now - told.at < RETRY_SECONDS:
                continue
            is_taken = self._send(f"[OVER] {self._name}: {name}", f"Over: {told.detail}")
            taken.append(is_taken)
            if is_taken:
                del self._to_end[name]
            else:
                self._to_end[name] = Told(now, False, told.detail)
        return taken

    def _is_due(self, told: Told | None, now: float) -> bool:
        return told is None or now - told.at >= (self._again_seconds if told.is_taken else RETRY_SECONDS)

    def _send(self, title: str, text: str) -> bool:
        try:
            self._notifier.notify(title, text)
        except Unavailable:
            return False
        return True
