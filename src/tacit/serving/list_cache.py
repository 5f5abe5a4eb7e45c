"""Lists that were answered before, kept for a while: to answer faster, and to answer at all when something fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tacit.serving.answers import Recommendation, Source


@dataclass(frozen=True, slots=True)
class CachedList:
    """A list as it was answered.

    Attributes:
        stamp: What it rests on: version, revision of the catalogue, and the user's events; another stamp, another list.
        source: The step that produced it.
        items: The best first.
        stored_at_ms: When it was kept, in milliseconds since 1970, UTC.
    """

    stamp: str
    source: Source
    items: tuple[Recommendation, ...]
    stored_at_ms: int


class ListCache(Protocol):
    """Keeps lists by user and question.

    It holds nothing that is not computed anew when it is lost, and never fails: what cannot be read is a miss, and what
    cannot be written is not kept; both are counted.  A list is returned for an hour at most, whoever asks decides
    whether it is still fresh.
    """

    @property
    def is_immediate(self) -> bool:
        """Whether nothing is waited for but this process' own memory."""
        ...

    def get(self, user_id: str, question: str) -> CachedList | None:
        """The list kept last for this user and question, if any is younger than an hour.

        Where the last could not be written it may be an earlier one, but none from before they were dropped.
        """
        ...

    def put(self, user_id: str, question: str, found: CachedList) -> None:
        """Keep a list."""
        ...

    def drop(self, *user_ids: str) -> None:
        """Forget every list of some users, in one go: who applies events waits for it."""
        ...

    def shed(self) -> None:
        """Forget what is kept in the memory of this process, to have it back."""
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...
