"""What every `MoodStore` promises."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tacit.adapters.memory_moods import MemoryMoodStore
from tacit.adapters.sql.moods import SqlMoodStore
from tacit.data.moods import Mood, MoodStore

RAIN = Mood("rainy-day", "Regen ☔", (("mellow", 1.0), ("größe", 0.25)), ("i1", "50% /.."))


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest) -> Iterator[MoodStore]:
    if request.param == "memory":
        yield MemoryMoodStore()
    else:
        yield SqlMoodStore(request.getfixturevalue(f"{request.param}_database"))


def test_what_is_said_of_a_mood_takes_the_place_of_what_was_and_can_be_forgotten(store: MoodStore) -> None:
    store.put(RAIN, at_ms=5)
    store.put(Mood("anger", "Anger", (("loud", 1.0),)), at_ms=6)
    assert list(store.moods()) == [Mood("anger", "Anger", (("loud", 1.0),)), RAIN]

    store.put(Mood("anger", "Wut", (), ("i2",)), at_ms=7)
    assert [store.remove("rainy-day"), store.remove("rainy-day")] == [True, False]
    assert list(store.moods()) == [Mood("anger", "Wut", (), ("i2",))]
