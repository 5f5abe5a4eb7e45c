"""Items and users as somebody described them over the catalogue's door, and where that is kept.

What is said here stands above what an import said.  A version knows the items it was trained with; an entry changes how
one of them is shown, hides it, or brings one that no version knows yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ItemEntry:
    """What was said of an item.

    Attributes:
        item_id: The item.
        title: What a person calls it; `None` for what an import said.
        categories: Broad groups to filter by, most typical first; `None` for what an import said.
        tags: Free words, most frequent first; `None` for what an import said.
        labels: Further facts as the canonical text of a JSON object.
        available: Whether it may be shown.
        expires_at_ms: When it may no longer be shown, in milliseconds since 1970, UTC; `None` for never.
        deleted: Whether it was removed: never shown, and no part of the catalogue.
        updated_at_ms: When this was said.
    """

    item_id: str
    title: str | None = None
    categories: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    labels: str = "{}"
    available: bool = True
    expires_at_ms: int | None = None
    deleted: bool = False
    updated_at_ms: int = 0

    def is_shown(self, now_ms: int) -> bool:
        """Whether it may be in an answer at a moment."""
        return self.available and not self.deleted and (self.expires_at_ms is None or now_ms < self.expires_at_ms)


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a user chose when asked, before there were events.

    Attributes:
        item_ids: Items they like.
        categories: Categories they like.
        moods: Moods they like; items that bear one as a category or a tag suit it.
    """

    item_ids: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    moods: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UserEntry:
    """What was said of a user.

    Attributes:
        user_id: The user.
        labels: Facts as the canonical text of a JSON object.
        preferences: What they chose when asked.
        updated_at_ms: When this was said.
    """

    user_id: str
    labels: str = "{}"
    preferences: Preferences = Preferences()
    updated_at_ms: int = 0


@dataclass(frozen=True, slots=True)
class ItemChange:
    """An entry and the revision of the catalogue that brought it."""

    revision: int
    entry: ItemEntry


class CatalogStore(Protocol):
    """What was said of items and users, durably.

    Every write of items raises the catalogue's revision by one; whoever follows it reads what changed after the last
    revision they know.
    """

    @property
    def revision(self) -> int:
        """The last write of items; 0 for none."""
        ...

    def put_items(self, entries: Sequence[ItemEntry]) -> int:
        """Keep entries, each in the place of what was said of its item before, all or none; the new revision.

        Raises:
            Unavailable: They cannot be kept now.
        """
        ...

    def items(self, item_ids: Sequence[str]) -> Sequence[ItemEntry]:
        """The entries of some items, deleted ones among them, by item id; items without one are passed over."""
        ...

    def items_after(self, item_id: str, *, limit: int) -> Sequence[ItemEntry]:
        """Entries behind an item id in the order of code points, those of deleted items left out, at most so many."""
        ...

    def item_changes(self, after: int, *, limit: int) -> Sequence[ItemChange]:
        """The entries written after a revision, each in its last state, in the order of revisions, then of ids.

        The entries of one revision come together, so that there may be more than `limit`: whoever asks again after the
        last revision received misses none.
        """
        ...

    def put_users(self, entries: Sequence[UserEntry]) -> None:
        """Keep entries, each in the place of what was said of its user before, all or none."""
        ...

    def users(self, user_ids: Sequence[str]) -> Sequence[UserEntry]:
        """The entries of some users, by user id; users without one are passed over."""
        ...

    def users_after(self, user_id: str, *, limit: int) -> Sequence[UserEntry]:
        """Entries behind a user id in the order of code points, at most so many."""
        ...

    def remove_users(self, user_ids: Sequence[str]) -> int:
        """Forget what was said of some users, preferences included; how many of them there were."""
        ...
