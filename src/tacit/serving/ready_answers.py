"""Answers kept as they were written, to be given once more at once: while nothing happened that they rest on.

What an answer rests on is looked at anew for each request, which takes two microseconds: the version, what is hidden,
what is new, and what its user did and chose, each of which is another object as soon as it is otherwise.
"""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from msgspec import Struct

from tacit.serving.answers import Answer
from tacit.serving.model_pool import LoadedVersion

T = TypeVar("T")
A = TypeVar("A")

LARGEST = 16_384
"""Bytes of the longest body that is kept."""


class RestsOn(Struct, frozen=True):
    """What an answer rests on.

    Attributes:
        loaded: The version that gave it.
        things: The rest of it, told apart by what they are, not by what they say.
    """

    loaded: LoadedVersion
    things: tuple[object, ...]


class Ready(Struct, Generic[A], frozen=True):
    """An answer that may be given once more.

    Attributes:
        answer: As it was given.
        body: As it was written, without the name of the answer: before it, and after it.
        things: What it rests on beside its version.
        user_id: Whose it is; `None` for nobody's.
        about: Whatever else whoever keeps it must know of it.
    """

    answer: Answer
    body: tuple[bytes, bytes]
    things: tuple[object, ...]
    user_id: str | None
    about: A


class ReadyAnswers(Generic[T, A]):
    """Keeps answers of one version by question.  To be used by one event loop; keeps nobody waiting.

    Args:
        rests_on: What an answer to a user, or to nobody, rests on now.
        clock_ms: Milliseconds since 1970.
        capacity: How many are kept; the one given longest ago is forgotten first.
    """

    def __init__(
        self,
        rests_on: Callable[[str | None], RestsOn | None],
        *,
        clock_ms: Callable[[], int],
        capacity: int = 10_000,
    ) -> None:
        self._rests_on = rests_on
        self._clock_ms = clock_ms
        self._capacity = capacity
        self._kept: OrderedDict[T, Ready[A]] = OrderedDict()
        self._of: weakref.ref[LoadedVersion] | None = None
        self._is_shed = False

    def __contains__(self, question: T) -> bool:
        """Whether an answer is kept, which may hold no longer."""
        return question in self._kept

    def get(self, question: T) -> Ready[A] | None:
        """The answer to a question, if it still holds."""
        self._heed()
        ready = self._kept.get(question)
        if ready is None:
            return None
        now = self._rests_on(ready.user_id)
        if now is not None and not self._is_of(now.loaded):
            self._kept.clear()  # they would hold on to a version that answers no longer
            return None
        is_late = self._clock_ms() >= (ready.answer.holds_until_ms or 0)
        if now is None or is_late or not _same(now.things, ready.things):
            del self._kept[question]
            return None
        self._kept.move_to_end(question)
        return ready

    def shed(self) -> None:
        """Give up what is kept, as soon as the event loop looks at it next; may be called from any thread."""
        self._is_shed = True

    def keep(self, question: T, ready: Ready[A], loaded: LoadedVersion) -> None:
        """Keep an answer for whoever asks the same, until it holds no longer."""
        self._heed()
        if ready.answer.holds_until_ms is None or sum(map(len, ready.body)) > LARGEST:
            return
        if not self._is_of(loaded):
            self._kept.clear()
            self._of = weakref.ref(loaded)
        self._kept[question] = ready
        if len(self._kept) > self._capacity:
            self._kept.popitem(last=False)

    def _heed(self) -> None:
        if self._is_shed:
            self._is_shed = False
            self._kept.clear()

    def _is_of(self, loaded: LoadedVersion) -> bool:
        return self._of is not None and self._of() is loaded


def _same(some: tuple[object, ...], others: tuple[object, ...]) -> bool:
    return len(some) == len(others) and all(one is other for one, other in zip(some, others, strict=True))
