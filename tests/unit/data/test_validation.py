"""The rules of what may enter, without any file."""

from __future__ import annotations

import pytest

from tacit.data.imports import Limits
from tacit.data.validation import REASONS, check_budget, check_dataset_name, escaped, item_problem, normal_id
from tacit.errors import BadInput, Refused


@pytest.mark.parametrize(
    ("item_id", "problem"),
    [
        ("007", None), (" 7 ", None), ("null", None), ("é" * 128, None),
        ("", "item_missing"), ("  ", "item_missing"), ("NULL", "item_missing"), ("\\N", "item_missing"),
        ("é" * 129, "item_too_long"), ("a\x00", "item_control"), ("a\x9f", "item_control"), ("\ud800", "item_control"),
    ],
)  # fmt: skip
def test_an_item_id_is_judged_by_the_first_rule_it_breaks(item_id: str, problem: str | None) -> None:
    assert item_problem(item_id, Limits()) == problem


def test_every_reason_an_item_can_be_kept_aside_for_is_described() -> None:
    assert {"item_missing", "item_too_long", "item_control"} <= set(REASONS)


def test_ids_that_look_the_same_are_the_same() -> None:
    assert normal_id("cafe\u0301") == "caf\u00e9"


def test_a_budget_is_kept_up_to_its_last_row() -> None:
    check_budget(100, {"ragged": 3, "number": 2}, limits=Limits(bad_row_budget=0.05), first_rows=[])

    with pytest.raises(Refused, match="6 of 100 rows are bad"):
        check_budget(100, {"ragged": 6}, limits=Limits(bad_row_budget=0.05), first_rows=[])


def test_what_is_shown_of_a_foreign_text_is_short_and_harmless() -> None:
    shown = escaped("\x1b[31m" + "é" * 200)

    assert shown.startswith("\\x1b[31m")
    assert len(shown) == 64
    assert shown.isascii()


@pytest.mark.parametrize("name", ["a", "hetrec2011-lastfm-2k", "A.b_c", "7"])
def test_a_dataset_may_be_called_what_a_folder_may(name: str) -> None:
    check_dataset_name(name)


@pytest.mark.parametrize("name", ["", "-a", ".a", "a b", "a/b", "é"])
def test_a_dataset_may_not_be_called_otherwise(name: str) -> None:
    with pytest.raises(BadInput):
        check_dataset_name(name)
