"""What is said of moods, asked of the database."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, delete, insert, select

from tacit.adapters.sql.engine import Database
from tacit.adapters.sql.mood_tables import moods
from tacit.data.moods import Mood


class SqlMoodStore:
    """A `MoodStore` in the relational database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def moods(self) -> Sequence[Mood]:
        with self._database.reading() as connection:
            rows = connection.execute(select(moods)).all()
        return [_mood(row) for row in sorted(rows, key=lambda row: row.name)]

    def put(self, mood: Mood, *, at_ms: int) -> None:
        said = {"title": mood.title, "words": json.dumps(dict(mood.words)), "seeds": json.dumps(mood.seeds)}
        with self._database.writing() as connection:
            connection.execute(delete(moods).where(moods.c.name == mood.name))
            connection.execute(insert(moods).values(name=mood.name, updated_at_ms=at_ms, **said))

    def remove(self, name: str) -> bool:
        with self._database.writing() as connection:
            return connection.execute(delete(moods).where(moods.c.name == name)).rowcount == 1


def _mood(row: Row[Any]) -> Mood:
    words = {str(word): float(weight) for word, weight in json.loads(row.words).items()}
    return Mood(row.name, row.title, tuple(words.items()), tuple(map(str, json.loads(row.seeds))))
