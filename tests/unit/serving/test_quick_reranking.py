"""Candidates in columns are the candidates in objects, to the byte, or are left to those who make objects of them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("tacit._native", reason="the native extension was not built")

from tacit.data.catalog import Item
from tacit.data.catalog_entries import ItemEntry, Preferences
from tacit.entrypoints.api.body_fields import flag, ids, known_fields, whole
from tacit.entrypoints.api.rendering import columns_response, reranked_response
from tacit.errors import BadInput, NotFound
from tacit.serving.answers import Reason, Recommendation
from tacit.serving.budgets import Budget, spending
from tacit.serving.item_texts import ItemTexts, pieces_of
from tacit.serving.kept_texts import texts_of
from tacit.serving.quick_reranking import QuickReranking
from tacit.serving.reranking import MOST_CANDIDATES, MOST_EXPLAINED, Candidates
from tacit.serving.rounding import rounded
from tests.many_desks import ManyDesk
from tests.stages import NEWCOMER, RARE, Stage, stage, wait_until

CATALOGUE = tuple(f"i{place:03}" for place in range(30))
NO_REASONS = np.empty((0, 1), np.int32), np.empty((0, 1), np.float32)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=9)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "filter_seen": st.booleans(),
        "explain": st.integers(0, MOST_EXPLAINED),
        "shown": st.integers(1, MOST_CANDIDATES),
    },
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("home")) as made:
        made.release()
        made.pool.refresh()
        yield made


def both(desk: ManyDesk, user_id: str, wish: dict[str, Any]) -> tuple[bytes | None, bytes]:
    """The answer in columns, if there is one, and the answer in objects; both without their names."""
    body = json.dumps(wish).encode()
    plain = desk.reranking.quick.question(body)
    found = None if plain is None else desk.reranking.quick.answer(user_id, *plain)
    asked = Candidates(
        tuple(dict.fromkeys(wish["candidates"])),
        wish.get("filter_seen", False),
        wish.get("explain", 10),
        wish.get("shown", 100),
    )
    slow = desk.reranking.for_user(user_id, asked)
    unnamed = bytes(reranked_response(slow).body).replace(slow.answer.recommendation_id.encode(), b"")
    if found is None:
        return None, unnamed
    return bytes(columns_response(found).body).replace(found.recommendation_id.encode(), b""), unnamed


@settings(max_examples=40, deadline=None)
@given(
    wanted=st.lists(st.sampled_from([*CATALOGUE, RARE, "new", "nope", "gone"]), min_size=1, max_size=40),
    hidden=st.sets(st.sampled_from([*CATALOGUE, RARE, "gone"]), max_size=6),
    renamed=st.dictionaries(st.sampled_from(CATALOGUE), TEXTS.filter(str.strip), max_size=4),
    met=st.lists(st.sampled_from([*CATALOGUE, "nope"]), max_size=4),
    user_id=st.sampled_from(["u000", "u021", NEWCOMER]),
    options=OPTIONS,
)
def test_columns_say_what_objects_say_whatever_is_hidden_renamed_new_or_seen(
    made: Stage,
    wanted: list[str],
    hidden: set[str],
    renamed: dict[str, str],
    met: list[str],
    user_id: str,
    options: dict[str, Any],
) -> None:
    desk = ManyDesk(made)
    entries = [ItemEntry(each, title=title, categories=(title, "low")) for each, title in renamed.items()]
    desk.said(*entries, *(ItemEntry(each, available=False) for each in hidden))
    desk.did(user_id, *met)
    quick, slow = both(desk, user_id, {"candidates": wanted, **options})

    assert quick in (None, slow)


@pytest.mark.parametrize(
    "wish",
    [
        {"candidates": ["i003", "i010", "nothing", "i011", "i003"], "explain": 2},
        {"candidates": [*CATALOGUE], "filter_seen": True, "shown": 3},
        {"candidates": [RARE, *CATALOGUE], "explain": 100},
        {"candidates": ["i003", "i017"], "explain": 0},
    ],
)
def test_plain_questions_of_users_with_a_history_are_answered_in_columns(made: Stage, wish: dict[str, Any]) -> None:
    quick, slow = both(ManyDesk(made), "u000", wish)

    assert quick == slow


def test_what_fails_in_columns_is_told_of_and_answered_in_objects(made: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    desk, told = ManyDesk(made), list[tuple[str, str]]()
    monkeypatch.setattr(QuickReranking, "_ordered", lambda *_, **__: 1 / 0)
    monkeypatch.setattr(
        desk.service._making, "_failed", lambda source, label, error: told.append((source, type(error).__name__))
    )

    quick, slow = both(desk, "u000", {"candidates": CATALOGUE[:5]})

    assert (quick, told) == (None, [("personal", "ZeroDivisionError")])
    assert b'"items":[{' in slow.replace(b" ", b"")


def test_what_is_hidden_or_renamed_now_is_so_in_columns(made: Stage) -> None:
    desk = ManyDesk(made)
    reasons = [each.because[0].item_id for each in desk.service.for_user("u000", limit=3).items]
    desk.said(ItemEntry("i010", title="“Ten”\n"), ItemEntry("i011", available=False))
    desk.said(*(ItemEntry(each, available=False) for each in set(reasons[:1])))
    quick, slow = both(desk, "u000", {"candidates": [each for each in CATALOGUE if each not in reasons]})

    assert quick == slow
    assert b"\\n" in slow
    assert json.loads(slow)["left_out"] == ["i011"]


def test_columns_are_counted_and_remembered_as_shown_as_objects_are(made: Stage) -> None:
    desk = ManyDesk(made)
    plain = desk.reranking.quick.question(b'{"candidates": ["i003", "nope", "i010", "i011"], "shown": 2}')
    assert plain is not None
    quick = desk.reranking.quick.answer("u000", *plain)
    assert quick is not None
    slow = desk.reranking.for_user("u000", Candidates(("i003", "nope", "i010", "i011"), shown=2)).answer
    names = (quick.recommendation_id, slow.recommendation_id)
    wait_until(lambda: {*names} <= {each.recommendation_id for each in desk.log.recent(9)})
    kept = {each.recommendation_id: each for each in desk.log.recent(9)}
    first, second = (
        [getattr(kept[name], said) for said in ("item_ids", "user_id", "source", "degraded", "model_version", "place")]
        for name in names
    )

    assert first == second
    assert len(kept[names[0]].item_ids) == 2


def test_who_has_no_order_all_their_own_is_left_to_the_chain(made: Stage) -> None:
    desk = ManyDesk(made)
    desk.did("zoe", *CATALOGUE[15:21])
    desk.chose("ivy", Preferences(categories=("high",)))
    plain = desk.reranking.quick.question(b'{"candidates": ["i003"]}')
    assert plain is not None

    assert [desk.reranking.quick.answer(each, *plain) for each in ("zoe", "ivy", NEWCOMER)] == [None] * 3
    with pytest.raises(NotFound):
        desk.reranking.quick.answer("nobody", *plain)
    with spending(Budget(soft_until=time.monotonic() - 1)):
        assert desk.reranking.quick.answer("u000", *plain) is None


ODD_IDS = [*CATALOGUE[:4], "x", " ", "", "é", "a\\b", '"', "\n", 3, None]
WISHES = st.fixed_dictionaries(
    {"candidates": st.lists(st.sampled_from(ODD_IDS), max_size=5)},
    optional={
        "filter_seen": st.sampled_from([True, False, None, "true", 1]),
        "explain": st.sampled_from([0, 5, 100, 101, -1, True, None, 2.0]),
        "shown": st.sampled_from([1, 1_000, 1_001, 0, "3", None]),
        "colour": st.just("red"),
    },
)
ODD_BODIES = [
    b"",
    b"[]",
    b'{"candidates": ["x"]} {}',
    b'{"candidates":["x"],"candidates":["y"]}',
    b'{"explain": 3}',
    b'{"candidates": ["x"],}',
    b'{"candidates": ["x"], "explain": 03}',
    b'\xef\xbb\xbf{"candidates": ["x"]}',
]
BODIES = WISHES.map(lambda wish: json.dumps(wish).encode()) | st.sampled_from(ODD_BODIES)


@settings(max_examples=60, deadline=None)
@given(body=BODIES)
def test_a_plain_question_is_read_as_the_strict_reading_reads_it(made: Stage, body: bytes) -> None:
    plain = ManyDesk(made).reranking.quick.question(body)
    if plain is None:
        return
    given = known_fields(body, ("candidates", "filter_seen", "explain", "shown"), "candidates")
    _, asked = plain

    assert asked.item_ids == ids(given["candidates"], "candidates", most=MOST_CANDIDATES) != ()
    assert asked.filter_seen is flag(given.get("filter_seen", False), "filter_seen")
    assert asked.explained == whole(given.get("explain", 10), "explain", least=0, most=MOST_EXPLAINED)
    assert asked.shown == whole(given.get("shown", 100), "shown", least=1, most=MOST_CANDIDATES)


def test_what_is_not_in_order_is_left_to_the_strict_reading(made: Stage) -> None:
    quick = ManyDesk(made).reranking.quick
    for body in (
        b"{}",
        b'{"candidates": []}',
        b'{"candidates": ["i003"], "shown": 0}',
        b'{"candidates": ["\xc3\xa9"]}',
    ):
        assert quick.question(body) is None
    with pytest.raises(BadInput):
        known_fields(b'{"candidates": ["x"], "colour": 1}', ("candidates",))


@settings(max_examples=60, deadline=None)
@given(
    told=st.lists(st.tuples(TEXTS, TEXTS, st.lists(TEXTS, max_size=3)), min_size=1, max_size=6),
    scores=st.lists(st.floats(-1e6, 1e6, width=32) | st.floats(-(2**-13), 2**-13, width=32), min_size=6, max_size=6),
    shares=st.lists(st.floats(2**-13, 1, width=32), min_size=6, max_size=6),
)
def test_items_are_written_as_the_encoder_of_answers_writes_them(
    told: list[tuple[str, str, list[str]]], scores: list[float], shares: list[float]
) -> None:
    items = [Item(item_id, title, tuple(categories)) for item_id, title, categories in told]
    kept, count = kept_texts(items), len(items)
    given, parts = np.array(scores[:count], np.float32), np.array(shares[:count], np.float32)
    because = [(Reason(items[0].item_id, items[0].title, share),) for share in rounded(parts, 4)]
    objects = [
        Recommendation(item.item_id, item.title, item.categories, score, why)
        for item, score, why in zip(items, rounded(given, 6), because, strict=True)
    ]
    written = kept.written(
        np.arange(count, dtype=np.int32),
        given,
        reasons=np.zeros((count, 1), np.int32),
        shares=parts[:, None],
        said={},
    )

    assert written == msgspec.json.encode(objects)[1:-1]
    said = {0: pieces_of(*told[0])}
    first = np.zeros(1, np.int32), given[:1]
    assert kept.written(*first, reasons=NO_REASONS[0], shares=NO_REASONS[1], said=said) == kept.written(
        *first, reasons=NO_REASONS[0], shares=NO_REASONS[1], said={}
    )


def kept_texts(items: list[Item]) -> ItemTexts:
    found = texts_of(items)
    assert found is not None
    assert found.memory_bytes > 0
    return found


def test_what_cannot_be_written_is_not_kept_and_a_number_too_large_is_left_to_the_encoder() -> None:
    kept = kept_texts([Item("a", "A")])
    one = np.zeros(1, np.int32)

    assert texts_of([Item("a", "\ud800")]) is None
    assert kept.written(one, np.array([2e9], np.float32), reasons=NO_REASONS[0], shares=NO_REASONS[1], said={}) is None
    with pytest.raises(ValueError, match="no item"):
        kept.written(one + 1, np.ones(1, np.float32), reasons=NO_REASONS[0], shares=NO_REASONS[1], said={})
