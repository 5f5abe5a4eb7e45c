"""Answers: JSON that every parser reads, and text that cannot steer the terminal it is shown on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tacit.entrypoints.cli.render import drawn, facts, print_json, printable, table


def test_json_is_one_line_and_holds_no_number_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": float("nan"), "b": [1.5, float("inf")], "c": Path("/x"), "d": (None, True), "e": "é\n"})
    out = capsys.readouterr().out

    assert out.count("\n") == 1
    assert json.loads(out) == {"a": None, "b": [1.5, None], "c": "/x", "d": [None, True], "e": "é\n"}


def test_control_characters_are_spelt_out() -> None:
    assert printable("a\x1b[31mb\x07c\r") == r"a\x1b[31mb\x07c\r"
    assert printable("Sigur Rós – 東京") == "Sigur Rós – 東京"


def test_a_table_shows_markup_as_text_and_leaves_no_blanks_at_the_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    shown = drawn(table(("name", "plays"), [("[bold]x[/bold]", 1), ("y", 20)], numbers=("plays",)))

    assert shown.splitlines() == [
        "name             plays",
        "──────────────────────",
        "[bold]x[/bold]       1",
        "y                   20",
    ]


def test_facts_stand_under_each_other() -> None:
    assert drawn(facts({"read": 3, "accepted": None})).splitlines() == ["read      3", "accepted  –"]
