"""Experiments at the shell and over the API: run, repeat, compare, choose, read."""

from __future__ import annotations

import csv
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tacit.data import synthetic
from tacit.entrypoints.api.app import create_app
from tacit.entrypoints.api.experiments import experiment_routes
from tests.shells import Ran, tacit, within
from tests.stages import listening, stage

SWEEP = """
name = "pair"
[defaults]
iterations = 3
[choice]
tolerance = 0.9
cost = "bytes"
[[configuration]]
name = "four"
factors = 4
[[configuration]]
name = "eight"
factors = 8
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a small synthetic community imported, and a sweep beside it."""
    folder = tmp_path_factory.mktemp("world")
    synthetic.generate(folder / "community", users=150, items=100, artists_per_user=20)
    (folder / "pair.toml").write_text(SWEEP)
    ran = within("import", "auto", "--from", folder / "community", "--json", home=folder / "home")
    assert ran.code == 0, ran.err
    return folder / "home"


@pytest.fixture(scope="module")
def swept(home: Path) -> Ran:
    ran = within("experiments", "run", home.parent / "pair.toml", "--out", home.parent / "out", "--json", home=home)
    assert ran.code == 0, ran.err
    return ran


@pytest.mark.requirement("EVAL-006")
def test_a_sweep_leaves_its_table_and_its_plots(swept: Ran, home: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (the extra `plots`)")
    table, png, svg = (Path(path) for path in swept.answer["files"])

    rows = list(csv.DictReader(table.read_text("utf-8").splitlines()))
    assert [row["name"] for row in rows] == ["four", "eight"]
    assert [row["chosen"] for row in rows] == ["True", "False"]
    assert png.read_bytes().startswith(b"\x89PNG")
    drawn = svg.read_text("utf-8")
    assert "four (chosen)" in drawn
    assert "ndcg@10" in drawn


def test_the_chosen_one_met_the_holdout_and_the_answer_says_how_often_that_was_done(swept: Ran) -> None:
    answer = swept.answer

    assert answer["final"]["fold"] == "holdout"
    assert answer["final"]["name"] == "four"
    assert answer["holdout_looks"] == 1
    assert {row["fold"] for row in answer["rows"]} == {"validation"}


def test_other_processes_with_other_threads_learn_the_same_bytes_and_find_nothing_to_do(swept: Ran, home: Path) -> None:
    digests = [row["factors_digest"] for row in swept.answer["rows"]]
    other = home.parent / "other"
    assert within("import", "auto", "--from", home.parent / "community", "--json", home=other).code == 0

    sweep = ("experiments", "run", home.parent / "pair.toml", "--json")
    afar = tacit(*sweep, "--set", "als.threads=2", home=other)
    again = tacit(*sweep, home=home)

    assert afar.code == again.code == 0, afar.err + again.err
    assert [row["factors_digest"] for row in afar.answer["rows"]] == digests
    assert afar.answer["final"]["factors_digest"] == swept.answer["final"]["factors_digest"]
    assert (afar.answer["known_runs"], again.answer["known_runs"]) == (0, 2)


@pytest.mark.requirement("EVAL-007")
def test_runs_are_listed_shown_and_compared_with_the_reason_for_the_choice(swept: Ran, home: Path) -> None:
    listed = within("experiments", "list", "--experiment", "pair", "--json", home=home).answer
    chosen = swept.answer["chosen"]
    shown = within("experiments", "show", chosen[:10], "--json", home=home).answer
    compared = within("experiments", "compare", "pair", "--json", home=home).answer
    human = within("experiments", "compare", "pair", home=home)

    assert {run["run_id"] for run in listed} >= {row["run_id"] for row in swept.answer["rows"]}
    assert shown == next(run for run in listed if run["run_id"] == chosen)
    assert compared["rationale"] == swept.answer["rationale"]
    assert [row for row in compared["rows"] if row["fold"] == "validation"] == swept.answer["rows"]
    assert "four" in human.out
    assert " ".join(swept.answer["rationale"].split()) in " ".join(human.out.split())


def test_the_ledger_is_read_over_the_api_and_an_unknown_run_is_not_found(
    swept: Ran, home: Path, tmp_path: Path
) -> None:
    from tacit.bootstrap import build, load_settings

    in_force = load_settings(flags={"home": home}, environ={})
    with build(in_force) as app, stage(tmp_path / "served") as made:
        api = create_app(
            made.service, made.pool, made.metrics, version="0", extra_routers=[experiment_routes(app.runs)]
        )
        with listening(api) as client:
            answers = {
                path: client.get(f"/api/v1/experiments{path}")
                for path in (
                    "?experiment=pair&limit=2",
                    "/choices",
                    f"/{swept.answer['chosen']}",
                    "/nobody",
                    "?limit=0",
                )
            }

    found: dict[str, Any] = {path: answer.json() for path, answer in answers.items()}
    assert len(found["?experiment=pair&limit=2"]["runs"]) == 2
    assert found["/choices"]["choices"][0]["rationale"] == swept.answer["rationale"]
    assert found[f"/{swept.answer['chosen']}"]["factors_digest"] == swept.answer["rows"][0]["factors_digest"]
    assert (answers["/nobody"].status_code, answers["?limit=0"].status_code) == (404, 422)


def test_a_sampler_finds_settings_that_are_saved_and_kept(home: Path) -> None:
    pytest.importorskip("optuna", reason="Optuna is not installed (the extra `search`)")
    saved = home.parent / "found.toml"

    ran = within("experiments", "search", "--trials", "5", "--most-factors", "8", "--save", saved, "--json", home=home)

    assert ran.code == 0, ran.err
    rows = ran.answer["rows"]
    chosen = next(row for row in rows if row["chosen"])
    settings = tomllib.loads(saved.read_text())["als"]
    assert settings["alpha"] == chosen["alpha"]
    assert settings["factors"] == chosen["factors"] <= 8
    assert len(within("experiments", "list", "--experiment", "search", "--json", home=home).answer) == 6


def test_the_training_of_a_version_is_a_run_of_the_ledger_too(home: Path) -> None:
    trained = within("train", "--set", "als.factors=4", "--set", "als.iterations=2", "--json", home=home)
    assert trained.code == 0, trained.err

    [run, *_] = within("experiments", "list", "--experiment", "training", "--json", home=home).answer

    assert run["name"] == trained.answer["version"]
    assert run["metrics"]["ndcg@10"] == trained.answer["metrics"]["ndcg@10"]
    assert run["metrics"]["popularity/ndcg@10"] == trained.answer["baselines"]["popularity"]["ndcg@10"]
    assert run["parameters"]["factors"] == 4


@pytest.mark.parametrize(
    ("arguments", "code", "field"),
    [
        (("run", "{0}/nowhere.toml"), "sweep_unreadable", "SWEEP.toml"),
        (("run", "{0}/wrong.toml"), "sweep_invalid", "configuration[1].factor"),
        (("compare", "nobody"), "experiment_unknown", "experiment"),
        (("show", "zzzz"), "run_unknown", "RUN"),
        (("search", "--name", "../x"), "sweep_invalid", "--name"),
        (("publish",), "tracker_missing", "experiments.tracker"),
        (("compare", "pair", "--out", "{0}/pair.toml/x"), "folder_unusable", "--out"),
    ],
)
def test_what_cannot_be_done_is_said_with_its_field(
    swept: Ran, home: Path, arguments: tuple[str, ...], code: str, field: str
) -> None:
    (home.parent / "wrong.toml").write_text(SWEEP.replace("factors = 4", "factor = 4"))

    ran = within("experiments", *(each.format(home.parent) for each in arguments), "--json", home=home)

    assert ran.code != 0
    assert (ran.answer["error"]["code"], ran.answer["error"]["field"]) == (code, field)


@pytest.mark.parametrize(
    ("module", "arguments", "named"),
    [
        ("optuna", ("search", "--trials", "1"), "tacit[search]"),
        ("mlflow", ("run", "{0}/pair.toml", "--set", "experiments.tracker=mlflow"), "tacit[mlflow]"),
    ],
)
def test_without_its_extra_a_command_names_what_to_install(
    home: Path, monkeypatch: pytest.MonkeyPatch, module: str, arguments: tuple[str, ...], named: str
) -> None:
    monkeypatch.delitem(sys.modules, "tacit.adapters.optuna_sampler", raising=False)
    monkeypatch.setitem(sys.modules, module, None)

    ran = within("experiments", *(each.format(home.parent) for each in arguments), "--json", home=home)

    assert ran.answer["error"]["code"] == "extra_missing"
    assert f"pip install '{named}'" in ran.answer["error"]["fix"]


def test_without_matplotlib_the_table_is_written_and_the_plots_are_said_to_be_missing(
    swept: Ran, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "tacit.adapters.plots", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    ran = within("experiments", "compare", "pair", "--out", tmp_path, "--json", home=home)

    assert ran.code == 0, ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["experiments_comparison.csv"]
    assert "pip install 'tacit[plots]'" in ran.err
