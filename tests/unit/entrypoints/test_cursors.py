"""Where the next page begins, there and back, and nowhere else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.data.texts import text_problem
from tacit.entrypoints.api.cursors import cursor_of, place_of
from tacit.entrypoints.api.texts import checked_id
from tacit.errors import BadInput

IDS = st.text(min_size=1, max_size=60).filter(lambda text: bool(text.strip()) and text_problem(text) is None)


@settings(deadline=None)
@given(last=IDS.map(lambda text: checked_id(text, "id")))
def test_a_cursor_leads_behind_the_id_it_was_made_of_and_stands_in_an_address_as_it_is(last: str) -> None:
    cursor = cursor_of(last)

    assert place_of(cursor) == last
    assert cursor.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize("last", ["soft\u00adhyphen", "a\u200db", "a\u2028b", "\u3000", "x" * 4_000])
def test_a_page_may_end_with_an_id_that_an_import_takes_and_nobody_may_send(last: str) -> None:
    assert text_problem(last) is not None or not last.strip()
    assert place_of(cursor_of(last)) == last


def test_a_cursor_made_up_behind_a_nul_is_refused_although_its_digest_is_right() -> None:
    with pytest.raises(BadInput) as refusal:
        place_of(cursor_of("a\0b"))

    assert refusal.value.code == "cursor_invalid"


def test_an_empty_cursor_leads_to_the_beginning() -> None:
    assert place_of("") == ""


@settings(deadline=None)
@given(
    last=IDS.map(lambda text: checked_id(text, "id")), at=st.integers(0, 500), letter=st.sampled_from("AZaz09-_=ü\0")
)
def test_a_cursor_that_was_changed_in_one_place_is_refused_by_name(last: str, at: int, letter: str) -> None:
    cursor = cursor_of(last)
    place = at % len(cursor)
    changed = cursor[:place] + letter + cursor[place + 1 :]
    if changed == cursor:
        return

    with pytest.raises(BadInput) as refusal:
        place_of(changed)

    assert refusal.value.code == "cursor_invalid"
