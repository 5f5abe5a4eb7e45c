"""The security checklist names tests that there are, and leaves no row out."""

from __future__ import annotations

import re

from tools.guards.source import ROOT

PAGE = (ROOT / "docs/reference/security-checklist.md").read_text("utf-8")
ROWS = re.findall(r"^\| (S\d+) \| (.+?) \| (.+) \|$", PAGE, re.MULTILINE)


def test_every_row_of_the_bar_is_there_once_and_in_order() -> None:
    assert [number for number, _, _ in ROWS] == [f"S{number}" for number in range(1, 53)]


def test_every_test_that_a_row_names_is_one_of_the_suite() -> None:
    suite = "\n".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    named = {name for _, _, said in ROWS for name in re.findall(r"`(test_\w+)`", said)}

    assert named - set(re.findall(r"^\s*(?:async )?def (test_\w+)\(", suite, re.MULTILINE)) == set()


def test_a_row_without_a_test_says_what_is_missing_or_who_looks_instead() -> None:
    silent = [
        number for number, _, said in ROWS if "`test_" not in said and not re.search(r"not there yet|no test", said)
    ]

    assert [number for number in silent if number not in {"S33", "S34"}] == []  # ruff looks
