"""Many users at once: each gets what they would be given alone, and a fate of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.data.catalog_entries import ItemEntry
from tacit.errors import BadInput
from tacit.serving.bulk import BulkAnswers, BulkQuestion
from tests.arms import divided_stage, split
from tests.many_desks import ManyDesk
from tests.stages import NEWCOMER, RARE, Stage, stage, wait_until

USERS = tuple(f"u{place:03}" for place in range(40))
ITEMS = [*(f"i{place:03}" for place in range(30)), RARE, "new"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("home")) as made:
        made.release()
        made.pool.refresh()
        yield made


@settings(max_examples=25, deadline=None)
@given(
    hidden=st.sets(st.sampled_from(ITEMS), max_size=6),
    excluded=st.sets(st.sampled_from(ITEMS), max_size=6),
    met=st.dictionaries(st.sampled_from([*USERS[:5], "zoe"]), st.sampled_from(ITEMS), max_size=4),
    category=st.sampled_from([None, "low"]),
    with_reasons=st.booleans(),
)
def test_each_user_gets_what_they_would_be_given_alone_and_nothing_barred(
    made: Stage, hidden: set[str], excluded: set[str], met: dict[str, str], category: str | None, with_reasons: bool
) -> None:
    desk = ManyDesk(made)
    desk.said(
        ItemEntry("new", title="New", categories=("low",)), *(ItemEntry(each, available=False) for each in hidden)
    )
    for user_id, item_id in met.items():
        desk.did(user_id, item_id)
    asked = (*USERS[:12], NEWCOMER, "zoe", "nobody")
    found = desk.bulk.answer(BulkQuestion(asked, 7, excluded, category, with_reasons))

    assert tuple(entry.user_id for entry in found.entries) == asked
    for entry in found.entries:
        if entry.answer is None:
            assert entry.problem is not None
            assert (entry.problem.code, entry.user_id in met) == ("user_unknown", False)
            continue
        alone = desk.service.for_user(entry.user_id, limit=7, exclude=excluded, category=category)
        off = hidden | excluded | desk.seen_by(entry.user_id)
        shown = [(item.item_id, item.score, item.because if with_reasons else ()) for item in alone.items]
        assert [(item.item_id, item.score, item.because) for item in entry.answer.items] == shown
        assert (entry.answer.source, entry.answer.user_id) == (alone.source, entry.user_id)
        assert not {item.item_id for item in entry.answer.items} & off


def test_all_answers_name_one_version_and_each_is_remembered_as_shown(made: Stage) -> None:
    desk = ManyDesk(made)
    found = desk.bulk.answer(BulkQuestion(USERS, 3))
    named = {entry.answer.recommendation_id: entry for entry in found.entries if entry.answer is not None}
    wait_until(lambda: len(named.keys() & {each.recommendation_id for each in desk.log.recent(100)}) == 40)
    kept = {each.recommendation_id: each for each in desk.log.recent(100)}

    assert {entry.answer.model_version for entry in named.values() if entry.answer} == {found.model_version}
    assert all(kept[name].user_id == entry.user_id for name, entry in named.items())
    assert all(len(kept[name].item_ids) == 3 for name in named)


def test_users_for_whom_there_is_no_time_are_told_so_and_the_others_are_answered(made: Stage) -> None:
    desk = ManyDesk(made)
    moments = iter(range(10_000))
    slow = BulkAnswers(desk.service.bench, monotonic=lambda: float(next(moments)))
    some = slow.answer(BulkQuestion((*USERS[:5], NEWCOMER, "zoe"), 3), until=8.0)
    none = slow.answer(BulkQuestion(USERS[:5], 3), until=0.0)

    told = [entry.problem.code if entry.problem else "answered" for entry in some.entries]
    assert told[:5] == ["answered"] * 5
    assert told[-1] == "deadline_exceeded"
    assert {entry.problem.code for entry in none.entries if entry.problem} == {"deadline_exceeded"}


def test_where_users_are_divided_each_is_answered_by_the_version_of_their_arm(tmp_path: Path) -> None:
    halves = split()
    with divided_stage(tmp_path) as made:
        made.divide(halves)
        found = BulkAnswers(made.service.bench).answer(BulkQuestion(USERS[:6], 3))
        canary = set(made.users_of(halves, "canary"))

    assert found.model_version == "recommender/1"
    for entry in found.entries:
        assert entry.answer is not None
        assert entry.answer.model_version == f"recommender/{2 if entry.user_id in canary else 1}"


def test_too_much_at_once_is_refused_before_anything_is_computed() -> None:
    cases = (
        ((), 1, "users_empty"),
        (tuple(map(str, range(1_001))), 1, "too_many_users"),
        (USERS, 1_251, "too_many_items"),
    )
    for users, limit, code in cases:
        with pytest.raises(BadInput) as refused:
            BulkQuestion(users, limit)
        assert refused.value.code == code
