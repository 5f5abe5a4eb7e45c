"""The documents say what is so: the map is the tree, decisions are indexed and kept, the changelog is well-formed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.guards import pages
from tools.guards.source import PACKAGE, ROOT, rooms

MAP = """# Architecture

```text
src/tacit/
├── data/          what users did
│   ├── plays.py   one play
│   └── splits/    past and recent
└── errors.py      everything that can go wrong
```
"""
DECISION = """# 0001 Record decisions

Status: accepted

## Context

## Decision

## Consequences

## Kept by

`tests/test_decisions.py::test_decisions_are_kept`
"""
INDEX = "| [0001](0001-record-decisions.md) | Record decisions | accepted |\n"


@pytest.fixture
def decisions(tmp_path: Path) -> Path:
    folder = tmp_path / "decisions"
    for path, text in (
        (folder / "README.md", INDEX),
        (folder / "0001-record-decisions.md", DECISION),
        (tmp_path / "tests" / "test_decisions.py", "def test_decisions_are_kept(): ...\n"),
    ):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return folder


def test_the_map_equals_the_tree() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")

    assert pages.map_findings(page, PACKAGE, rooms()) == []


def test_every_decision_is_numbered_indexed_and_kept_by_something_that_exists() -> None:
    assert pages.decision_findings(ROOT / "docs" / "decisions", ROOT) == []


def test_the_changelog_is_well_formed() -> None:
    assert pages.changelog_findings((ROOT / "CHANGELOG.md").read_text("utf-8")) == []


def test_a_map_is_read_with_its_folders() -> None:
    assert pages.map_entries(MAP) == ("data", "data/plays.py", "data/splits", "errors.py")


def test_a_room_without_a_map_entry_and_an_entry_without_a_file_are_found(tmp_path: Path) -> None:
    (tmp_path / "data" / "splits").mkdir(parents=True)
    (tmp_path / "errors.py").touch()

    assert pages.map_findings(MAP, tmp_path, ("data", "errors", "serving")) == [
        "the map leaves out the room serving",
        "the map lists data/plays.py, which does not exist",
    ]


def test_a_page_without_a_map_is_refused() -> None:
    with pytest.raises(ValueError, match="no map"):
        pages.map_entries("# Architecture\n")


def test_decisions_in_order_are_left_alone(decisions: Path) -> None:
    assert pages.decision_findings(decisions, decisions.parent) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("# 0001 Record decisions", "# 0001 Write things down", "index"),
        ("## Consequences\n", "", "sections"),
        ("Status: accepted", "", "status"),
        ("::test_decisions_are_kept", "::test_gone", "test_gone does not exist"),
        ("test_decisions.py", "test_nothing.py", "does not exist"),
        ("`tests/test_decisions.py::test_decisions_are_kept`", "Hope.", "keeps it"),
    ],
)
def test_a_decision_that_is_not_in_order_is_found(decisions: Path, old: str, new: str, said: str) -> None:
    (decisions / "0001-record-decisions.md").write_text(DECISION.replace(old, new))

    found = pages.decision_findings(decisions, decisions.parent)

    assert [said in finding for finding in found] == [True]


def test_a_gap_in_the_numbers_and_an_index_entry_without_a_page_are_found(decisions: Path) -> None:
    (decisions / "0001-record-decisions.md").rename(decisions / "0002-record-decisions.md")

    found = "\n".join(pages.decision_findings(decisions, decisions.parent))

    assert "the next number is 0001" in found
    assert "the index lists 0001-record-decisions.md" in found


@pytest.mark.parametrize(
    ("page", "findings"),
    [
        ("# Changelog\n\n## [Unreleased]\n\n### Added\n", 0),
        ("# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2026-02-01\n\n## [0.1.0] - 2026-01-01\n\n### Security\n", 0),
        ("# History\n\n## [Unreleased]\n", 1),
        ("# Changelog\n\n## [0.1.0] - 2026-01-01\n", 1),
        ("# Changelog\n\n## [Unreleased]\n\n### Improved\n", 1),
        ("# Changelog\n\n## [Unreleased]\n\n## 0.1.0 (January)\n", 1),
        ("# Changelog\n\n## [Unreleased]\n\n## [0.1.0] - 2026-01-01\n\n## [0.2.0] - 2026-02-01\n", 1),
    ],
)
def test_a_changelog_out_of_form_is_found(page: str, findings: int) -> None:
    assert len(pages.changelog_findings(page)) == findings
