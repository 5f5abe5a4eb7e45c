"""An id's key is the same wherever it is found, whoever finds it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.adapters.id_keys import key_of, keys_of

IDS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=300))


def test_a_key_is_the_same_in_every_process() -> None:
    assert key_of("e1") == key_of("e1") != key_of("e2")
    assert key_of("") == -1_970_711_489_451_281_740


@given(ids=IDS)
def test_the_keys_of_many_are_those_of_each(ids: list[str]) -> None:
    assert keys_of(ids) == [key_of(each) for each in ids]


def test_an_id_that_has_no_bytes_has_no_key() -> None:
    for found in (lambda: key_of("\ud800"), lambda: keys_of(["e1", "\ud800"])):
        with pytest.raises(UnicodeEncodeError):
            found()
