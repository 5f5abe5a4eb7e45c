"""The users' door, behind the counter: what is said of them and what they chose, beside what a version knows."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from tacit.data.catalog_edits import (
    Edit,
    EditableCatalog,
    Fate,
    Rule,
    Settled,
    patch_user,
    put_user,
    settled,
    user_unknown,
)
from tacit.data.catalog_entries import Preferences, UserEntry
from tacit.data.validation import escaped
from tacit.errors import BadInput, NotFound
from tacit.serving.interfaces import Clock
from tacit.serving.live_catalogue import FollowedCatalogue
from tacit.serving.model_pool import LoadedVersion, ModelPool

MOST_NAMED = 20
"""Unknown ids that a refusal names."""


@dataclass(frozen=True, slots=True)
class UserView:
    """What we know of a user.

    Attributes:
        labels: Facts as the canonical text of a JSON object.
        preferences: What they chose when asked.
        interactions: With how many items the version that answers has seen them.
        updated_at_ms: When something was last said of them over this door; `None` if nothing was.
    """

    user_id: str
    labels: str
    preferences: Preferences
    interactions: int
    updated_at_ms: int | None


class UserDesk:
    """Reads and changes what is said of users; a change is durable when a call returns, all edits of it or none.

    Args:
        store: Keeps what is said.
        catalogue: Knows the items and categories that may be chosen, beside the version that answers.
        pool: Keeps that version.
        clock: Tells the time.
        met: Items of a user's events; somebody with events is known, whether or not a version has seen them.
        told: Told of users of whom something else is said now.
    """

    def __init__(
        self,
        store: EditableCatalog,
        catalogue: FollowedCatalogue,
        pool: ModelPool,
        *,
        clock: Clock,
        met: Callable[[str], Collection[object]],
        told: Callable[[Collection[str]], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._pool = pool
        self._clock = clock
        self._met = met
        self._told = told

    def user(self, user_id: str) -> UserView:
        """What we know of a user.

        Raises:
            NotFound: `user_unknown`.
            Unavailable: What was said cannot be read now.
        """
        entry = next(iter(self._store.users([user_id])), None)
        if entry is None and not self._is_known(user_id):
            raise user_unknown()
        return _view(user_id, entry, self._pool.loaded)

    def page(self, after: str, *, limit: int) -> tuple[tuple[UserView, ...], bool]:
        """Users behind an id in the order of code points, and whether they are the last.

        They are those of whom something was said, and those whom the version that answers knows.

        Raises:
            Unavailable: What was said cannot be read now.
        """
        loaded = self._pool.loaded
        said = {entry.user_id: entry for entry in self._store.users_after(after, limit=limit + 1)}
        known = () if loaded is None else loaded.listed_users
        start = bisect_right(known, after)
        ids = sorted({*said, *known[start : start + limit + 1]})
        return tuple(_view(each, said.get(each), loaded) for each in ids[:limit]), len(ids) <= limit

    def put(self, edits: Sequence[Edit]) -> tuple[Settled, ...]:
        """Have each edit be all that is said of its user; one that nobody knows comes into being."""
        return self._settle(edits, put_user(self._is_known, self._now_ms()))

    def patch(self, edits: Sequence[Edit]) -> tuple[Settled, ...]:
        """Change what each edit names; `user_unknown` where nobody knows the user."""
        return self._settle(edits, patch_user(self._is_known, self._now_ms()))

    def choose(self, user_id: str, preferences: Preferences) -> Fate:
        """Keep what a user chose, in the place of what they chose before; whoever chooses is known from then on.

        Raises:
            BadInput: `items_unknown` or `categories_unknown`, naming them.
            Unavailable: It cannot be kept now, or nobody can tell whether there are such items.
        """
        rule = patch_user(self._is_known, self._now_ms(), may_create=True)
        (fate,) = self._settle([Edit(user_id, {"preferences": preferences})], rule)
        if isinstance(fate, Exception):
            raise fate
        return fate

    def remove(self, edits: Sequence[Edit]) -> tuple[Settled, ...]:
        """Forget what was said of users; what they did stays. `user_unknown` where nothing was said."""
        said = {entry.user_id for entry in self._store.users([edit.subject for edit in edits])}
        if said:
            self._store.remove_users(sorted(said))
            self._told(said)
        fates: list[Settled] = []
        for edit in edits:
            fates.append("deleted" if edit.subject in said else _nothing_said())
            said.discard(edit.subject)
        return tuple(fates)

    def _settle(self, edits: Sequence[Edit], rule: Rule[UserEntry]) -> tuple[Settled, ...]:
        def checked(edit: Edit, before: UserEntry | None) -> tuple[UserEntry, Fate]:
            self._check(edit.said)
            return rule(edit, before)

        ids = [edit.subject for edit in edits]
        fates = self._store.edit_users(ids, lambda before: settled(edits, before, checked))
        kept = zip(edits, fates, strict=True)
        self._told({edit.subject for edit, fate in kept if fate in ("created", "changed")})
        return fates

    def _check(self, said: Mapping[str, object]) -> None:
        chosen = said.get("preferences")
        if not isinstance(chosen, Preferences):
            return
        items = [item_id for item_id in chosen.item_ids if not self._is_item(item_id)]
        said_of_items = self._catalogue.categories()
        categories = [name for name in chosen.categories if name not in said_of_items and not self._has(name)]
        for field, unknown in (("items", items), ("categories", categories)):
            if unknown:
                # Without a version nobody can tell.
                self._pool.current()
                raise _unknown(field, unknown)

    def _is_item(self, item_id: str) -> bool:
        entry = self._catalogue.entry(item_id)
        if entry is not None:
            return not entry.deleted
        loaded = self._pool.loaded
        return loaded is not None and item_id in loaded.model.item_rows

    def _has(self, category: str) -> bool:
        loaded = self._pool.loaded
        return loaded is not None and category in loaded.model.categories

    def _is_known(self, user_id: str) -> bool:
        loaded = self._pool.loaded
        return (loaded is not None and user_id in loaded.model.user_rows) or bool(self._met(user_id))

    def _now_ms(self) -> int:
        return int(self._clock() * 1_000)


def _view(user_id: str, entry: UserEntry | None, loaded: LoadedVersion | None) -> UserView:
    row = None if loaded is None else loaded.model.user_rows.get(user_id)
    interactions = 0 if loaded is None or row is None else len(loaded.model.history(row)[0])
    if entry is None:
        return UserView(user_id, "{}", Preferences(), interactions, None)
    return UserView(user_id, entry.labels, entry.preferences, interactions, entry.updated_at_ms)


def _nothing_said() -> NotFound:
    """That there is nothing to forget; a version, or the events, may know the user."""
    detail = "Nothing was said of a user of this id, so that there is nothing to forget."
    return NotFound("user_unknown", detail, field="user_id")


def _unknown(field: str, unknown: Sequence[str]) -> BadInput:
    named = [escaped(each) for each in unknown[:MOST_NAMED]]
    many = "" if len(unknown) == 1 else f" and {len(unknown) - 1} others"
    return BadInput(
        f"{field}_unknown",
        f"The catalogue has no {'item' if field == 'items' else 'category'} '{named[0]}'{many}.",
        field=field,
        fix="Choose among those of GET /api/v1/items.",
        context={"unknown": named, "unknown_count": len(unknown)},
    )
