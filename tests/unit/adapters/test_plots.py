"""Plots of a comparison: the same files each time, what was chosen named, nothing in a name taken for a formula."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from tacit.models.experiments.comparison import Comparison
from tests.experiments import a_run

_TEXT = "{http://www.w3.org/2000/svg}text"


# Loaded by the worker that draws, not by each that reads this file.
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("matplotlib") is None, reason="matplotlib is not installed (the extra `plots`)"
)


def drawn(folder: Path, *runs: object, chosen: str | None = None) -> tuple[bytes, bytes]:
    from tacit.adapters.plots import draw_comparison

    folder.mkdir()
    rows = Comparison("seven", "s", runs, chosen).rows()  # type: ignore[arg-type]
    png, svg = (path.read_bytes() for path in draw_comparison("$x_1$", rows, folder))
    return png, svg


def words(svg: bytes) -> list[str]:
    return ["".join(each.itertext()) for each in Xml.fromstring(svg).iter(_TEXT)]  # noqa: S314 - our own


def test_the_same_comparison_is_drawn_to_the_same_bytes_with_the_chosen_one_named(tmp_path: Path) -> None:
    runs = [a_run("small", seconds=1.0), a_run("large", seconds=9.0, ndcg=0.3, size=4_000_000)]

    first = drawn(tmp_path / "a", *runs, chosen="run-large")
    second = drawn(tmp_path / "b", *runs, chosen="run-large")

    assert first == second
    assert first[0].startswith(b"\x89PNG")
    assert words(first[1]).count("large (chosen)") == 4
    assert words(first[1]).count("small") == 4


def test_what_failed_or_met_the_holdout_is_not_drawn_and_nothing_at_all_is_no_error(tmp_path: Path) -> None:
    others = [
        a_run("failed", state="failed", metrics={}),
        a_run("pruned", state="pruned", metrics={"ndcg@20": 0.1}),
        a_run("final", fold="holdout"),
    ]

    said = words(drawn(tmp_path / "a", *others)[1])

    assert not {"failed", "pruned", "final"} & set(said)
    assert "seconds of training" in said


def test_of_many_runs_only_the_chosen_one_is_named(tmp_path: Path) -> None:
    runs = [a_run(f"trial-{number}", seconds=float(number)) for number in range(18)]

    said = words(drawn(tmp_path / "a", *runs, chosen="run-trial-7")[1])

    assert "trial-7 (chosen)" in said
    assert "trial-8" not in said
