"""Who may have chosen something: all who did, told at once, and nobody passed over for want of a list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.adapters.memory_catalog import MemoryCatalogStore
from tacit.adapters.memory_store import MemoryEventStore
from tacit.data.catalog_entries import Preferences, UserEntry
from tacit.errors import Unavailable
from tacit.serving import choosers as module
from tacit.serving.choosers import Choosers
from tacit.serving.fresh_users import FreshUsers
from tacit.serving.known_users import KnownUsers
from tacit.serving.ladder import USUAL_RUNGS
from tests.stages import stage

CHOSEN = Preferences(item_ids=("a",))


class Entries:
    """A catalogue of users that may be away, and lets somebody do something between two pages."""

    def __init__(self) -> None:
        self.store = MemoryCatalogStore()
        self.asked: list[str] = []
        self.is_away = False
        self.between: Callable[[], None] = lambda: None

    def users(self, user_ids: Sequence[str]) -> Sequence[UserEntry]:
        self.asked.extend(user_ids)
        return self.store.users(user_ids)

    def users_after(self, user_id: str, *, limit: int) -> Sequence[UserEntry]:
        if self.is_away:
            raise Unavailable("database_timeout", "It does not answer.")
        page = self.store.users_after(user_id, limit=limit)
        self.between()
        return page


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_before_it_was_found_out_anybody_may_have_chosen() -> None:
    assert Choosers(Entries(), fresh_seconds=10).may_have_chosen("ann")


@given(chose=st.sets(st.text("abc", min_size=1, max_size=4), max_size=30), others=st.sets(st.text("abc", max_size=4)))
def test_all_who_chose_are_known_however_many_pages_they_fill(chose: set[str], others: set[str]) -> None:
    entries = Entries()
    entries.store.put_users([UserEntry(each, labels='{"a":1}') for each in sorted(others - chose - {""})])
    entries.store.put_users([UserEntry(each, preferences=CHOSEN) for each in sorted(chose)])
    choosers = Choosers(entries, fresh_seconds=10)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_PAGE", 3)
        choosers.refresh()

    assert {each for each in chose | others | {"nobody"} if choosers.may_have_chosen(each)} == chose


def test_whoever_chooses_while_others_are_read_is_not_missed() -> None:
    entries = Entries()
    entries.store.put_users([UserEntry("zoe", preferences=CHOSEN)])
    choosers = Choosers(entries, fresh_seconds=10)
    # Behind the page that was read: only being told can say it.
    entries.between = lambda: choosers.told(["ann"])

    choosers.refresh()

    assert [choosers.may_have_chosen(each) for each in ("ann", "zoe", "ben")] == [True, True, False]


def test_whoever_chooses_is_known_at_once() -> None:
    choosers = Choosers(Entries(), fresh_seconds=10)
    choosers.refresh()
    before = choosers.may_have_chosen("ann")
    choosers.told(["ann"])

    assert (before, choosers.may_have_chosen("ann")) == (False, True)


def test_what_was_found_out_too_long_ago_counts_no_longer() -> None:
    entries, clock = Entries(), Clock()
    choosers = Choosers(entries, fresh_seconds=10, clock=clock)
    choosers.refresh()
    entries.is_away = True
    with pytest.raises(Unavailable):
        choosers.refresh()
    clock.now = 9.9
    soon = choosers.may_have_chosen("ann")
    clock.now = 10.0

    assert (soon, choosers.may_have_chosen("ann")) == (False, True)


def test_of_very_many_entries_each_is_read_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST", 3)
    entries = Entries()
    entries.store.put_users([UserEntry(f"u{number}", labels='{"a":1}') for number in range(4)])
    choosers, pages = Choosers(entries, fresh_seconds=10), list[int]()
    entries.between = lambda: pages.append(1)

    choosers.refresh()
    gone_through = len(pages)
    choosers.refresh()

    assert choosers.may_have_chosen("u0")
    assert len(pages) == gone_through > 0


def test_whoever_never_chose_costs_no_read_until_they_do(tmp_path: Path) -> None:
    entries, failures = Entries(), list[Exception]()
    choosers = Choosers(entries, fresh_seconds=10)
    choosers.refresh()
    with stage(tmp_path) as made:
        made.release()
        made.pool.refresh()
        loaded = made.pool.current()
        fresh = FreshUsers(MemoryEventStore(), failed=failures.append)
        fresh.follow(loaded.events_turn)
        users = KnownUsers(
            fresh, unit="plays", coldstart=USUAL_RUNGS, entries=entries, failed=failures.append, choosers=choosers
        )
        before = users.known(loaded, "nobody"), users.profile(loaded, "nobody").preferences, list(entries.asked)
        entries.store.put_users([UserEntry("nobody", preferences=CHOSEN)])
        users.chose(["nobody"])
        meanwhile = users.known(loaded, "nobody")
        after = users.profile(loaded, "nobody").preferences

    assert before[0] is not None
    assert before[1:] == (Preferences(), [])
    assert (meanwhile, after, entries.asked, failures) == (None, CHOSEN, ["nobody"], [])
