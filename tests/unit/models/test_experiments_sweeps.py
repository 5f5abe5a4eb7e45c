"""Sweep files are read strictly: what is unknown or out of bounds is refused with its field."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tacit.errors import BadInput
from tacit.models.experiments.sweeps import read_sweep, shipped_sweep

SMALL = """
name = "small"
[defaults]
iterations = 4
[[configuration]]
name = "a"
factors = 8
[[configuration]]
name = "b"
iterations = 2
alpha = 3
"""


def test_what_a_configuration_does_not_say_it_takes_from_the_defaults() -> None:
    first, second = read_sweep(SMALL).configurations

    assert (first.settings.factors, first.settings.iterations, first.settings.alpha) == (8, 4, None)
    assert (second.settings.factors, second.settings.iterations, second.settings.alpha) == (None, 2, 3.0)


@pytest.mark.requirement("TRAIN-006")
def test_the_shipped_sweep_has_the_seven_configurations() -> None:
    sweep = read_sweep(shipped_sweep())

    sizes = [(each.settings.factors, each.settings.iterations) for each in sweep.configurations]
    assert sizes == [(150, 25), (125, 25), (100, 20), (75, 20), (50, 15), (125, 25), (None, 16)]


@pytest.mark.requirement("TRAIN-002")
@pytest.mark.requirement("TRAIN-003")
def test_the_shipped_sweep_has_the_production_and_the_accuracy_configuration() -> None:
    found = {each.name: each.settings for each in read_sweep(shipped_sweep()).configurations}

    assert (found["production"].factors, found["production"].iterations) == (125, 25)
    accurate = found["accuracy"]
    assert (accurate.factors, accurate.iterations, accurate.regularization, accurate.alpha) == (150, 25, 0.01, 40.0)


@pytest.mark.parametrize(
    ("text", "field", "fix"),
    [
        (SMALL.replace("factors", "factor"), "configuration[1].factor", "factors"),
        (SMALL.replace("[defaults]", "[default]"), "default", "defaults"),
        (SMALL.replace("factors = 8", "factors = 0"), "configuration[1].factors", "4096"),
        (SMALL.replace("factors = 8", "factors = true"), "configuration[1].factors", "whole"),
        (SMALL.replace("factors = 8", "factors = 8.0"), "configuration[1].factors", "whole"),
        (SMALL.replace("alpha = 3", "alpha = nan"), "configuration[2].alpha", "above 0"),
        (SMALL.replace("alpha = 3", "alpha = -1"), "configuration[2].alpha", "above 0"),
        (SMALL.replace("alpha = 3", f"alpha = 1{'0' * 400}"), "configuration[2].alpha", "above 0"),
        (SMALL.replace("alpha = 3", f"alpha = 1{'0' * 5_000}"), None, "Mend"),
        (SMALL.replace("iterations = 4", 'curve = "log10"'), "defaults.curve", "log"),
        (SMALL.replace('name = "b"', 'name = "a"'), "configuration[2].name", "own name"),
        (SMALL.replace('name = "b"', 'name = "../b"'), "configuration[2].name", "letters"),
        (SMALL.replace('name = "small"', ""), "name", "letters"),
        ('name = "none"', "configuration", "[[configuration]]"),
        ('name = "none"\nconfiguration = 3', "configuration", "[[configuration]]"),
        (SMALL + '[choice]\nmetric = "auc"', "choice.metric", "ndcg@10"),
        (SMALL + "[choice]\ntolerance = 1", "choice.tolerance", "below 1"),
        (SMALL + '[choice]\ncosts = "seconds"', "choice.costs", "cost"),
        ("name = ", None, "Mend"),
    ],
)
def test_what_is_wrong_with_a_sweep_is_said_with_its_field_and_a_fix(text: str, field: str | None, fix: str) -> None:
    with pytest.raises(BadInput) as refused:
        read_sweep(text)

    assert refused.value.code == "sweep_invalid"
    assert refused.value.field == field
    assert fix in str(refused.value.fix)


@given(some.text())
def test_any_text_is_read_or_refused_and_never_breaks_the_reader(text: str) -> None:
    with contextlib.suppress(BadInput):
        read_sweep(text)
