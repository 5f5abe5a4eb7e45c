"""The moods in force: those that were shipped, and above them what somebody said of one."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b

from tacit.data.catalog_entries import Preferences, UserEntry
from tacit.data.moods import Mood, MoodStore, mood_unknown
from tacit.serving.known_users import UserEntries


class MoodBook:
    """Follows a store; where that cannot be read, what is known stays in force.

    Args:
        shipped: The moods to begin with.
        store: Keeps what was said of them, and further ones.
    """

    def __init__(self, shipped: Sequence[Mood], store: MoodStore) -> None:
        self._shipped = shipped
        self._store = store
        self._reading = threading.Lock()
        self._take(())

    @property
    def moods(self) -> Mapping[str, Mood]:
        """By name, the shipped ones first."""
        return self._moods

    @property
    def stamp(self) -> str:
        """Other moods, another stamp."""
        return self._stamp

    def mood(self, name: str) -> Mood:
        """One mood.

        Raises:
            NotFound: `mood_unknown`.
        """
        found = self._moods.get(name)
        if found is None:
            raise mood_unknown(list(self._moods))
        return found

    def refresh(self) -> None:
        """Read what was said, and have it in force.

        Raises:
            Unavailable: It cannot be read now.
        """
        with self._reading:
            self._take(self._store.moods())

    def words_for(self, said: str) -> tuple[str, ...]:
        """What somebody means who chose a mood in a word of theirs: that word, and those of the mood so called."""
        meant = next((mood for mood in self._moods.values() if mood.is_called(said)), None)
        return (said,) if meant is None else tuple(dict.fromkeys((said, *(word for word, _ in meant.words))))

    def _take(self, said: Sequence[Mood]) -> None:
        moods = {mood.name: mood for mood in (*self._shipped, *said)}
        self._moods: Mapping[str, Mood] = moods
        self._stamp = blake2b(repr(list(moods.values())).encode(), digest_size=8).hexdigest()


class ChosenMoods:
    """The entries of users, with the moods they chose told in the words of the moods in force.

    Args:
        entries: Keeps them as they were chosen.
        book: Knows the moods.
    """

    def __init__(self, entries: UserEntries, book: MoodBook) -> None:
        self._entries = entries
        self._book = book

    def users(self, user_ids: Sequence[str]) -> Sequence[UserEntry]:
        """The entries of some users; users without one are passed over."""
        return [replace(entry, preferences=self._told(entry.preferences)) for entry in self._entries.users(user_ids)]

    def _told(self, chosen: Preferences) -> Preferences:
        words = (word for said in chosen.moods for word in self._book.words_for(said))
        return replace(chosen, moods=tuple(dict.fromkeys(words))) if chosen.moods else chosen
