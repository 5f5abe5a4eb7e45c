"""The moods' door, behind the counter: changed so that it is written down who did it, and in force at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Protocol

from tacit.data.moods import MOST_MOODS, Mood, MoodStore, checked_name, mood_of, mood_unknown
from tacit.errors import Refused
from tacit.serving.interfaces import Clock
from tacit.serving.mood_book import MoodBook

Transaction = Callable[[], AbstractContextManager[None]]


class Audit(Protocol):
    """Writes down who did what; an `AuditRecorder` is one."""

    def record(self, action: str, *, actor: str, subject: str, at: str, facts: Mapping[str, object]) -> None: ...


class MoodDesk:
    """Changes moods.  A change is durable, audited, and in force in this process, when a call returns.

    Args:
        store: Keeps what is said.
        book: Has it in force.
        audit: Writes down who said it.
        transaction: Makes both appear together.
        clock: Tells the time in seconds since 1970.
    """

    def __init__(
        self, store: MoodStore, book: MoodBook, audit: Audit, *, transaction: Transaction, clock: Clock
    ) -> None:
        self._store = store
        self.book = book
        self._audit = audit
        self._transaction = transaction
        self._clock = clock

    def put(self, name: str, said: Mapping[str, object], *, actor: str) -> tuple[Mood, bool]:
        """Have this be all that is said of a mood, a shipped one or another; and whether nobody knew it before.

        Raises:
            BadInput: What is wrong with the name or with what is said.
            Refused: `moods_full`.
        """
        mood = mood_of(checked_name(name), said)
        is_new = name not in self.book.moods
        if is_new and len(self.book.moods) >= MOST_MOODS:
            detail = f"There are {len(self.book.moods)} moods; the most are {MOST_MOODS}."
            raise Refused("moods_full", detail, fix="Remove one that nobody asks for.")
        facts = {"title": mood.title, "words": len(mood.words), "seeds": len(mood.seeds)}
        with self._transaction():
            self._store.put(mood, at_ms=int(self._clock() * 1_000))
            self._record("mood_changed", name, actor=actor, facts=facts)
        self.book.refresh()
        return mood, is_new

    def remove(self, name: str, *, actor: str) -> None:
        """Forget what was said of a mood: a shipped one is again as it was shipped, another is gone.

        Raises:
            NotFound: `mood_unknown`, also where nothing was said of it.
        """
        with self._transaction():
            if not self._store.remove(name):
                raise mood_unknown([each.name for each in self._store.moods()])
            self._record("mood_forgotten", name, actor=actor, facts={})
        self.book.refresh()

    def _record(self, action: str, name: str, *, actor: str, facts: Mapping[str, object]) -> None:
        at = datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="milliseconds")
        self._audit.record(action, actor=actor, subject=f"mood/{name}", at=at, facts=facts)
