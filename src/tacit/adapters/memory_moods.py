"""What is said of moods, in memory: for tests and for trying things out."""

from __future__ import annotations

from collections.abc import Sequence

from tacit.data.moods import Mood


class MemoryMoodStore:
    """A `MoodStore` that forgets with its process."""

    def __init__(self) -> None:
        self._moods: dict[str, Mood] = {}

    def moods(self) -> Sequence[Mood]:
        return [self._moods[name] for name in sorted(self._moods)]

    def put(self, mood: Mood, *, at_ms: int) -> None:
        self._moods[mood.name] = mood

    def remove(self, name: str) -> bool:
        return self._moods.pop(name, None) is not None
