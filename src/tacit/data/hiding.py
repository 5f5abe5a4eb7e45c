"""Items that users do not want to see again, each by a word of their own, and where that is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tacit.errors import Refused

MOST_HIDDEN = 1_000
"""Items that one user may have hidden at a time."""


@dataclass(frozen=True, slots=True)
class HiddenItem:
    """An item that a user hid.

    Attributes:
        item_id: The item.
        at_ms: Since when, in milliseconds since 1970, UTC.
    """

    item_id: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class UserHides:
    """All that a user hid, and the revision that brought the last change of it."""

    revision: int
    user_id: str
    item_ids: frozenset[str]


class HidingStore(Protocol):
    """What users hid, durably.

    Every change raises the revision by one and is of one user; whoever follows it reads whose changed after the last
    revision they know.
    """

    def hide(self, user_id: str, item_id: str, *, at_ms: int) -> bool:
        """Keep that a user hid an item; whether that is new.  What was hidden before stays as it was.

        Raises:
            Refused: `too_many_hidden` beyond `MOST_HIDDEN`.
            Unavailable: It cannot be kept now.
        """
        ...

    def unhide(self, user_id: str, item_id: str) -> bool:
        """Forget that a user hid an item; whether they had.

        Raises:
            Unavailable: It cannot be forgotten now.
        """
        ...

    def hidden_by(self, user_id: str) -> Sequence[HiddenItem]:
        """What a user hid, by item id.

        Raises:
            Unavailable: It cannot be read now.
        """
        ...

    def changes(self, after: int, *, limit: int) -> Sequence[UserHides]:
        """Whose changed after a revision, each in the last state, in the order of revisions, at most so many.

        Raises:
            Unavailable: It cannot be read now.
        """
        ...


def too_many_hidden() -> Refused:
    """That a user hid as many items as one may."""
    return Refused(
        "too_many_hidden",
        f"A user hides at most {MOST_HIDDEN} items, and these are as many.",
        field="item_id",
        fix="Take one back first, or say over the catalogue's door that nobody shall see the item.",
    )
