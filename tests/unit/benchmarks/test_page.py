"""The page of results shows every recorded result, where it was measured, and what did not hold."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks._harness import RESULTS, record
from benchmarks._page import flat, page, table, text
from tools.reference import FOLDER, PAGES, rendered

RESULT = {
    "name": "sample",
    "figure": 12.5,
    "unit": "times faster",
    "goal": ">= 20",
    "holds": False,
    "floor": {"what": "reading it once", "ms": 0.25},
    "peers": {"implicit": {"p50_ms": 3.5}, "faiss": None},
    "machine": {
        "cpu": "A Processor",
        "cores": 2,
        "instruction_sets": ["avx2"],
        "memory_gib": 4.0,
        "python": "3.11.7",
        "numpy": "2.4",
        "blas": ["openblas Haswell x2"],
        "commit": "0123456789ab",
        "date": "2026-01-02 03:04 UTC",
        "load_before": [0.1, 0.2, 0.3],
        "load_after": [1.0, 0.5, 0.4],
    },
    "details": {
        "command": "python -m benchmarks sample --scale 1.0",
        "checks": {"20 times faster": False, "exact": True, "told": None},
        "engine": "native avx2",
        "versions": {"implicit": "0.7.3", "faiss": None},
        "seeds": [{"seed": 1, "tacit": {"cpu": 1.25}}, {"seed": 2, "tacit": {"cpu": 1.5}}],
    },
}


def shown(folder: Path) -> str:
    return "\n".join(page(folder))


def test_a_result_is_shown_with_its_machine_commit_command_and_load(tmp_path: Path) -> None:
    record(RESULT, tmp_path)

    said = shown(tmp_path)

    assert "| [sample](#sample) | 12.5 | times faster | >= 20 | **no** |" in said
    assert "`python -m benchmarks sample --scale 1.0`" in said
    assert "Commit `0123456789ab`, 2026-01-02 03:04 UTC, on 2 cores of A Processor" in said
    assert "load 0.1 / 0.2 / 0.3 before and 1 / 0.5 / 0.4 after" in said
    assert "| 20 times faster | **no** |" in said
    assert "| told | could not be told |" in said
    assert "Floor: reading it once: ms 0.25." in said
    assert "| faiss |" in said
    assert "| 2 | 1.5 |" in said


def test_a_page_without_results_says_that_there_are_none(tmp_path: Path) -> None:
    assert "Nothing has been recorded yet." in shown(tmp_path)


def test_the_committed_page_is_made_from_the_committed_results() -> None:
    made = rendered(PAGES["performance.md"])

    assert (FOLDER / "performance.md").read_text("utf-8") == made
    assert [path.stem for path in RESULTS.glob("*.json") if f"## {path.stem}" not in made] == []


def test_a_recorded_result_has_every_part_of_the_object() -> None:
    parts = set(RESULT)

    assert {path.stem: set(json.loads(path.read_text("utf-8"))) ^ parts for path in RESULTS.glob("*.json")} == {
        path.stem: set() for path in RESULTS.glob("*.json")
    }


def test_a_table_that_would_be_too_wide_is_turned_on_its_side(tmp_path: Path) -> None:
    peers = {name: {f"figure_{n}": n for n in range(9)} for name in ("implicit", "faiss")}
    record({**RESULT, "peers": peers}, tmp_path)

    assert "| figure_8 | 8 | 8 |" in shown(tmp_path)


def test_numbers_are_written_as_a_reader_needs_them() -> None:
    assert [text(each) for each in (None, True, 1234567, 0.000123456, 12345.6, [1, 2])] == [
        "–",
        "yes",
        "1,234,567",
        "0.0001235",
        "12,346",
        "1, 2",
    ]
    assert flat({"a": {"b": 1, "c": {"d": 2}}, "e": [[1]]}) == {"a.b": 1, "a.c.d": 2}
    assert table(("x",), [("a|b",)]) == "| x |\n| --- |\n| a\\|b |\n"


def test_what_is_claimed_is_recorded_and_holds() -> None:
    recorded = {path.stem: json.loads(path.read_text()) for path in RESULTS.glob("*.json")}

    assert {"batch", "foldin", "freshness", "quality", "retrieval", "scaling", "training"} <= recorded.keys()
    assert [name for name, result in sorted(recorded.items()) if result["holds"] is not True] == []
