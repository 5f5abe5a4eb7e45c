"""What follows a store takes over: every revision once and whole, however the pages fall and whatever fails."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import groupby
from typing import Any, TypeVar

import pytest

from tacit.data.catalog_entries import ItemChange, ItemEntry
from tacit.data.hiding import UserHides
from tacit.errors import Unavailable
from tacit.serving import hides, live_catalogue
from tacit.serving.following import Revised
from tacit.serving.hides import FollowedHides
from tacit.serving.live_catalogue import FollowedCatalogue

AT_ONCE = 3
WRITTEN = [(1, "a"), (1, "b"), (2, "c"), (2, "d"), (3, "e"), *((4, name) for name in "fghi"), (6, "j")]
"""The second page begins inside revision 2, a whole page lies inside revision 4, and nobody wrote a fifth."""

C = TypeVar("C", bound=Revised)


class Store:
    """What was written, by those of revisions that come together; it fails when told to."""

    def __init__(self) -> None:
        self.written = list(WRITTEN)
        self.reads = 0
        self.fails_at: int | None = None

    def item_changes(self, after: int, *, limit: int) -> Sequence[ItemChange]:
        return self._page([ItemChange(revision, ItemEntry(name)) for revision, name in self.written], after, limit)

    def changes(self, after: int, *, limit: int) -> Sequence[UserHides]:
        hidden = frozenset({"x"})
        return self._page([UserHides(revision, name, hidden) for revision, name in self.written], after, limit)

    def _page(self, changes: list[C], after: int, limit: int) -> list[C]:
        self.reads += 1
        if self.reads == self.fails_at:
            raise Unavailable("database_busy", "The database is busy.")
        page: list[C] = []
        for _, together in groupby((each for each in changes if each.revision > after), lambda each: each.revision):
            if len(page) < limit:
                page.extend(together)
        return page


class Subject:
    """A follower over such a store, and what it knows."""

    def __init__(self, kind: str) -> None:
        self.store: Any = Store()
        self.told: list[tuple[int, set[str], bool]] = []
        self.follower: FollowedCatalogue | FollowedHides
        self.knows: Callable[[str], bool]
        if kind == "catalogue":
            catalogue = self.follower = FollowedCatalogue(self.store, lambda: 0.0)
            self.knows = lambda name: catalogue.entry(name) is not None
        else:
            hidden = self.follower = FollowedHides(self.store, told=self._hear)
            self.knows = lambda name: bool(hidden.of(name))

    def _hear(self, users: Collection[str]) -> None:
        self.told.append((self.follower.revision, set(users), all(map(self.knows, users))))

    def known(self) -> str:
        return "".join(name for _, name in self.store.written if self.knows(name))


@pytest.fixture(params=["catalogue", "hides"])
def subject(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Subject:
    for module in (hides, live_catalogue):
        monkeypatch.setattr(module, "PAGE", AT_ONCE)
    return Subject(request.param)


def test_every_page_is_read_until_a_short_one_and_no_revision_is_cut(subject: Subject) -> None:
    assert (subject.follower.refresh(), subject.known()) == (6, "abcdefghij")
    assert subject.store.reads == 3  # abcd, efghi, j

    subject.store.written.append((7, "k"))
    assert (subject.follower.refresh(), subject.follower.revision, subject.known()) == (7, 7, "abcdefghijk")
    assert subject.store.reads == 4


def test_where_reading_fails_what_was_read_is_in_force_and_the_rest_follows(subject: Subject) -> None:
    subject.store.fails_at = 2
    with pytest.raises(Unavailable):
        subject.follower.refresh()
    before = (subject.follower.revision, subject.known())
    subject.follower.refresh()

    assert (before, subject.known()) == ((2, "abcd"), "abcdefghij")


@pytest.mark.parametrize("subject", ["hides"], indirect=True)
def test_whose_items_changed_is_told_once_it_is_in_force_and_the_revision_says_so(subject: Subject) -> None:
    subject.follower.refresh()

    assert subject.told == [(2, set("abcd"), True), (4, set("efghi"), True), (6, {"j"}, True)]
