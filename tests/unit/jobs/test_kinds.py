"""What each kind of job may be asked with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.errors import BadInput
from tacit.jobs.job import KINDS, Kind
from tacit.jobs.kinds import PARAMETERS, check_model_type, checked, checked_kind

TEXTS = ("", " ", "ü", "champion", "7", "a\0b", "x" * 300, "\ud800")
ANYTHING = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from([*TEXTS, [], [7], {}]))


def refused(kind: Kind, **given: object) -> BadInput:
    with pytest.raises(BadInput) as refusal:
        checked(kind, given)
    return refusal.value


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("factors", 0, "value_range"),
        ("factors", 4_097, "value_range"),
        ("factors", 2**70, "value_range"),
        ("factors", -1, "value_range"),
        ("factors", 8.0, "type"),
        ("factors", True, "type"),
        ("factors", "8", "type"),
        ("factors", [8], "type"),
        ("iterations", 0, "value_range"),
        ("alpha", float("nan"), "number_not_finite"),
        ("alpha", float("inf"), "number_not_finite"),
        ("alpha", 0, "value_range"),
        ("alpha", 10**400, "value_range"),
        ("regularization", -1.0, "value_range"),
        ("regularization", False, "type"),
        ("seed", -1, "value_range"),
        ("dataset", "", "value_range"),
        ("dataset", "a\0b", "value_range"),
        ("dataset", "x" * 257, "value_range"),
        ("dataset", "\ud800", "value_range"),
        ("dataset", 7, "type"),
        ("warm_start", 0, "value_range"),
        ("warm_start", "challenger", "type"),
    ],
)
@pytest.mark.requirement("TRAIN-008")
def test_a_parameter_out_of_place_is_named_with_what_would_do(name: str, value: object, code: str) -> None:
    error = refused("train", **{name: value})

    assert (error.code, error.field) == (code, name)
    assert error.fix


def test_what_is_in_order_is_taken_as_it_is_and_nothing_is_added() -> None:
    said = {"factors": 100, "iterations": 50, "alpha": 2, "warm_start": "champion", "dataset": "ü", "seed": None}

    assert checked("train", said) == {
        "factors": 100,
        "iterations": 50,
        "alpha": 2.0,
        "warm_start": "champion",
        "dataset": "ü",
    }


def test_a_parameter_that_nobody_reads_is_refused_with_its_nearest_neighbour() -> None:
    error = refused("train", factor=3)

    assert (error.code, error.field, error.fix) == ("field_unknown", "factor", "Did you mean factors?")
    assert refused("full_refit", warm_start=1).code == "field_unknown"


def test_an_evaluation_needs_the_number_of_a_version() -> None:
    assert (refused("evaluate").code, refused("evaluate", version=None).field) == ("field_missing", "version")


def test_kinds_and_types_that_do_not_exist_are_refused() -> None:
    with pytest.raises(BadInput, match="no kind of job"):
        checked_kind("trian")
    for value in ("svd", 7, None):
        with pytest.raises(BadInput):
            check_model_type(value)


@given(st.sampled_from(KINDS), st.dictionaries(st.sampled_from([*PARAMETERS["train"], "version", "x"]), ANYTHING))
def test_whatever_is_sent_is_taken_or_refused_as_bad_input(kind: Kind, said: dict[str, object]) -> None:
    try:
        taken = checked(kind, said)
    except BadInput:
        return
    assert set(taken) <= set(PARAMETERS[kind])
    assert checked(kind, taken) == taken
