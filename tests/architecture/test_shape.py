"""Functions stay on a page, modules within 400 lines, records frozen, and every file says what it is."""

from __future__ import annotations

from statistics import median

import pytest

from tools.guards import shape
from tools.guards.source import Module, modules

LONG: dict[str, str] = {}
"""Functions over 40 lines, each with its reason.  This list may only shrink."""

DICTATED = {"redirect_request": "urllib calls it so"}
"""Functions whose many positional parameters a library dictates, each with the library."""

HOUSE = modules("src", "tools", "benchmarks")
EVERYTHING = (*HOUSE, *modules("tests"))


def sample(text: str, path: str = "src/tacit/data/plays.py") -> Module:
    return Module(path, text)


def function_of(lines: int) -> Module:
    return sample("def grow() -> None:\n" + "    step()\n" * (lines - 1))


def test_no_function_outgrows_the_page_without_a_reason() -> None:
    lengths = tuple(length for module in HOUSE for length in shape.lengths(module))
    print(f"{len(lengths)} functions; longest {max(lengths, key=lambda found: found.lines)}")

    assert shape.outgrown(lengths, LONG) == []


def test_no_test_outgrows_eighty_lines() -> None:
    lengths = [length for module in modules("tests") for length in shape.lengths(module)]

    assert [length for length in lengths if length.lines > shape.LIMIT] == []


def test_the_median_function_has_under_ten_lines() -> None:
    lengths = [length.lines for module in modules("src") for length in shape.lengths(module)]
    print(f"median {median(lengths)} lines over {len(lengths)} functions")
    if len(lengths) <= 100:
        pytest.skip(f"a median of {len(lengths)} functions says little")

    assert median(lengths) < 10


def test_no_function_takes_more_than_three_parameters_by_position() -> None:
    assert [finding for module in HOUSE for finding in shape.wide_functions(module, DICTATED)] == []


def test_no_module_is_longer_than_400_lines() -> None:
    assert [finding for module in EVERYTHING for finding in shape.long_module(module)] == []


def test_every_module_opens_with_one_sentence() -> None:
    assert [finding for module in EVERYTHING for finding in shape.silent_module(module)] == []


def test_every_record_and_event_is_frozen() -> None:
    assert [finding for module in HOUSE for finding in shape.thawed_records(module)] == []


@pytest.mark.parametrize(
    ("lines", "allowed", "findings"),
    [(40, False, 0), (41, False, 1), (41, True, 0), (80, True, 0), (81, True, 1), (81, False, 2), (12, True, 1)],
)
def test_a_long_function_needs_a_reason_and_a_reason_needs_a_long_function(
    lines: int, allowed: bool, findings: int
) -> None:
    reasons = {"src/tacit/data/plays.py::grow": "one table, read from top to bottom"} if allowed else {}

    assert len(shape.outgrown(shape.lengths(function_of(lines)), reasons)) == findings


def test_methods_and_inner_functions_are_measured_by_their_full_name() -> None:
    text = "class Store:\n    async def get(self) -> None:\n        def inner() -> None: ...\n        inner()\n"

    assert [(found.where.split("::")[1], found.lines) for found in shape.lengths(sample(text))] == [
        ("Store.get", 3),
        ("Store.get.inner", 1),
    ]


def test_a_fourth_positional_parameter_is_found_and_keywords_are_not() -> None:
    wide = "def rank(self, a, b, c): ...\ndef score(a, b, c, d): ...\ndef fit(a, b, c, *, d, e): ...\n"

    assert ["score()" in finding for finding in shape.wide_functions(sample(wide))] == [True]


def test_a_module_without_a_sentence_is_found() -> None:
    assert shape.silent_module(sample("import os\n")) != []
    assert shape.silent_module(sample('"""Plays."""\n')) == []


def test_a_module_of_401_lines_is_found() -> None:
    assert shape.long_module(sample("x = 1\n" * 400)) == []
    assert shape.long_module(sample("x = 1\n" * 401)) != []


@pytest.mark.parametrize("decorator", ["dataclass", "dataclass()", "dataclasses.dataclass(frozen=False)"])
def test_a_thawed_record_is_found_in_a_room_and_in_events_everywhere(decorator: str) -> None:
    text = f"@{decorator}\nclass ModelPromoted:\n    version: int\n"

    assert shape.thawed_records(sample(text)) != []
    assert shape.thawed_records(sample(text, "src/tacit/adapters/events.py")) != []
    assert shape.thawed_records(sample(text, "src/tacit/adapters/memory.py")) == []
    assert shape.thawed_records(sample(text.replace(decorator, "dataclass(frozen=True, slots=True)"))) == []
