"""What users do not want to see, in memory, so that the next answer already keeps to it.

All of it is in memory, some two hundred bytes an item: whoever asks waits for no store, and while no store can be read
what was hidden stays hidden.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from hashlib import blake2b
from typing import Protocol

from tacit.data.catalog_edits import item_unknown
from tacit.data.hiding import HiddenItem, HidingStore, UserHides
from tacit.errors import NotFound
from tacit.serving.following import Followed
from tacit.serving.interfaces import Clock
from tacit.serving.live_catalogue import LiveCatalogue
from tacit.serving.model_pool import ModelPool

PAGE = 1_000
"""Users read at once."""

_NONE: frozenset[str] = frozenset()


class Hides(Protocol):
    """Knows what users hid."""

    def of(self, user_id: str) -> frozenset[str]:
        """Ids of the items that a user hid."""
        ...

    def stamp(self, user_id: str) -> str:
        """Another one, other items."""
        ...


class NoHides:
    """A `Hides` where nobody hid anything."""

    def of(self, user_id: str) -> frozenset[str]:
        return _NONE

    def stamp(self, user_id: str) -> str:
        return "-"


class FollowedHides:
    """A `Hides` that follows a store; where the store cannot be read, what is known stays in force.

    Args:
        store: Keeps what users hid.
        told: Told of users who hid or took back something, once that is in force.
    """

    def __init__(self, store: HidingStore, *, told: Callable[[Collection[str]], None] = lambda _: None) -> None:
        self._hidden: dict[str, frozenset[str]] = {}
        self._followed: Followed[UserHides] = Followed(
            lambda after, limit: store.changes(after, limit=limit),
            take=self._take,
            told=lambda page: told({each.user_id for each in page}),
            page=PAGE,
        )

    def of(self, user_id: str) -> frozenset[str]:
        return self._hidden.get(user_id, _NONE)

    def stamp(self, user_id: str) -> str:
        hidden = self._hidden.get(user_id)
        return "-" if not hidden else blake2b(repr(sorted(hidden)).encode(), digest_size=8).hexdigest()

    @property
    def revision(self) -> int:
        """Up to which change this knows."""
        return self._followed.revision

    def refresh(self) -> int:
        """Read what was hidden and taken back since, and have it in force for whoever asks from now on.

        Raises:
            Unavailable: The store cannot be read now.
        """
        return self._followed.refresh()

    def _take(self, page: Sequence[UserHides]) -> None:
        for each in page:
            if each.item_ids:
                self._hidden[each.user_id] = each.item_ids
            else:
                self._hidden.pop(each.user_id, None)


class HidingDesk:
    """Hides items for single users; a change is durable, and in force for every answer here, when a call returns.

    Other processes follow within the time in which they look again (half a second).

    Args:
        store: Keeps what users hid.
        hides: Follows it, for the answers.
        catalogue: Knows the items there are, beside the version that answers.
        pool: Keeps that version.
        clock: Tells the time.
    """

    def __init__(
        self,
        store: HidingStore,
        hides: FollowedHides,
        *,
        catalogue: LiveCatalogue,
        pool: ModelPool,
        clock: Clock,
    ) -> None:
        self._store = store
        self._hides = hides
        self._catalogue = catalogue
        self._pool = pool
        self._clock = clock

    def hide(self, user_id: str, item_id: str) -> bool:
        """Never show a user an item again, until it is taken back; whether that is new.

        The user need not be known: what somebody hides before anything else is kept to all the same.

        Raises:
            NotFound: `item_unknown`.
            Refused: `too_many_hidden`.
            Unavailable: It cannot be kept now, or nobody can tell whether there is such an item.
        """
        self._check(item_id)
        is_new = self._store.hide(user_id, item_id, at_ms=int(self._clock() * 1_000))
        self._hides.refresh()
        return is_new

    def unhide(self, user_id: str, item_id: str) -> None:
        """Let a user be shown an item again.

        Raises:
            NotFound: `not_hidden`.
            Unavailable: It cannot be forgotten now.
        """
        was_hidden = self._store.unhide(user_id, item_id)
        self._hides.refresh()
        if not was_hidden:
            raise NotFound("not_hidden", "This user has not hidden this item.", field="item_id")

    def hidden(self, user_id: str) -> Sequence[HiddenItem]:
        """What a user hid, by item id.

        Raises:
            Unavailable: It cannot be read now.
        """
        return self._store.hidden_by(user_id)

    def _check(self, item_id: str) -> None:
        entry = self._catalogue.entry(item_id)
        if entry is not None and not entry.deleted:
            return
        if entry is not None or item_id not in self._pool.current().model.item_rows:
            raise item_unknown()
