"""Lists that a job made for everybody: a personal answer for when there is no time, or no way, to work one out."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tacit.errors import Refused
from tacit.serving.answers import Recommendation
from tacit.serving.fallback import Question, Step
from tacit.serving.model_pool import LoadedVersion
from tacit.serving.profiles import Profile
from tacit.serving.retrieval import Retrieved, recommendations


@dataclass(frozen=True)
class PrecomputedLists:
    """Everybody's list by one version.

    Attributes:
        users: `(m,)` rows of the users who have one, ascending.
        items: `(m, count)` item positions, the best first; -1 where a list is shorter.
        scores: `(m, count)`.
        made_at_ms: When, in milliseconds since 1970.
    """

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    scores: NDArray[np.float32]
    made_at_ms: int = 0

    def of(self, row: int) -> Retrieved | None:
        """A user's list; `None` if they have none."""
        at = int(np.searchsorted(self.users, row))
        if at == len(self.users) or self.users[at] != row:
            return None
        items = np.asarray(self.items[at])
        return Retrieved(items[items >= 0].astype(np.intp), np.asarray(self.scores[at])[items >= 0])


class PrecomputedStore(Protocol):
    """Where lists are kept; `PrecomputedFolder` is one."""

    def newest(self, digest: str) -> str | None:
        """Names the newest lists of a version; another name, other lists."""
        ...

    def read(self, name: str, digest: str, *, shape: tuple[int, int]) -> PrecomputedLists:
        """Lists that were checked."""
        ...


@dataclass(frozen=True)
class _Shelved:
    version: weakref.ref[LoadedVersion]
    name: str
    lists: PrecomputedLists | None


class PrecomputedShelf:
    """Has the lists of the version that answers at hand; who asks reads nothing.

    Args:
        store: Keeps them.
        failed: Told of lists that cannot be used; told once of each.
    """

    def __init__(self, store: PrecomputedStore, *, failed: Callable[[Refused], object]) -> None:
        self._store = store
        self._failed = failed
        self._shelved: _Shelved | None = None

    def refresh(self, loaded: LoadedVersion | None) -> None:
        """Have the newest lists of a version at hand, if there are any.

        Raises:
            Unavailable: They cannot be read now; those that were at hand stay.
        """
        name = None if loaded is None else self._store.newest(loaded.version.manifest_digest)
        if loaded is None or name is None:
            self._shelved = None
            return
        shelved = self._shelved
        if shelved is None or shelved.name != name or shelved.version() is not loaded:
            self._shelved = _Shelved(weakref.ref(loaded), name, self._read(loaded, name))

    def lists(self, loaded: LoadedVersion) -> PrecomputedLists | None:
        """The lists of a version, if they are at hand."""
        shelved = self._shelved
        return None if shelved is None or shelved.version() is not loaded else shelved.lists

    def _read(self, loaded: LoadedVersion, name: str) -> PrecomputedLists | None:
        shape = len(loaded.model.user_ids), len(loaded.model.item_factors)
        try:
            return self._store.read(name, loaded.version.manifest_digest, shape=shape)
        except Refused as error:
            self._failed(error)  # what cannot be read now is tried again at the next look
            return None


def precomputed_step(lists: PrecomputedLists, asked: Question, profile: Profile, *, user_id: str) -> Step | None:
    """The step that answers with a user's list as it was made, less what is barred now; it says no reasons.

    `None` for who has none, or did something that the version does not know: then it is no longer theirs.

    Args:
        lists: Everybody's.
        asked: What may be recommended now.
        profile: Who asks.
        user_id: Their id.
    """
    row = asked.model.user_rows.get(user_id)
    found = None if row is None or profile.standing.stamp != "-" else lists.of(row)
    if found is None:
        return None

    def ready() -> tuple[Recommendation, ...]:
        may = ~np.isin(found.items, asked.wanted.barred)
        if asked.wanted.category is not None:
            may &= asked.model.categories[asked.wanted.category][found.items]
        limit = asked.wanted.limit
        return recommendations(asked.model, Retrieved(found.items[may][:limit], found.scores[may][:limit]))

    return Step("personal", ready, is_rescue=True, is_ready=True)
