"""Each benchmark answers at a tiny scale, with or without peers, and says what it could not compare."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import _batch_sides, _factors, _foldin_sides, _peers, _retrieval_sides, _scaling_sides, _training_sides
from benchmarks import training as training_benchmark
from benchmarks.__main__ import names
from benchmarks._folds import Folds, load_csr
from benchmarks._meter import Meter
from benchmarks._retrievers import CONTENDERS, recall
from benchmarks._synthetic import cached
from tools.guards.source import ROOT

TINY = 0.001
RECIPE = {"factors": 8, "iterations": 3, "alpha": 10.0, "share": 0.005, "seed": 1, "threads": 1}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("generated")


@pytest.fixture(scope="module")
def listening(home: Path) -> str:
    return str(cached(TINY, seed=1, folder=home))


@pytest.fixture(scope="module")
def factors(home: Path) -> str:
    return str(_factors.synthetic(TINY, factors=8, threads=1, folder=home))


def test_every_benchmark_can_be_called_by_its_name() -> None:
    assert {"training", "retrieval", "foldin", "batch", "scaling", "import"} <= set(names())


def test_fold_in_is_measured_from_the_command_line_and_ends_with_its_object(home: Path) -> None:
    words = ["foldin", "--json", "--scale", str(TINY), "--factors", "8", "--rows", "20", "--pairs", "1"]
    command = [sys.executable, "-m", "benchmarks", *words, "--folder", str(home)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")])}

    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])

    assert found["name"] == "foldin"
    assert found["figure"] > 0
    assert set(found["details"]["ways"]) >= {"tacit", "tacit_batched", "numpy", "scipy"}
    assert found["details"]["checks"]["exact to 0.0001 of the norm, batched too"] is True
    assert found["peers"].get("implicit", "absent") is None or "implicit" in found["details"]["ways"]


def test_peers_that_are_not_installed_are_named_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_peers.PACKAGES, "implicit", "no-such-package-anywhere")

    assert _peers.missing("implicit") == "no-such-package-anywhere is not installed (the extra `bench` brings it)"
    assert _peers.unavailable(["implicit"]).keys() == {"implicit"}
    assert _peers.versions()["implicit"] is None


def test_a_training_is_scored_after_every_iteration_off_the_clock(listening: str) -> None:
    meter = Meter()

    found = _training_sides.trace(meter, folder=listening, trainer="tacit", recipe=RECIPE)

    assert [point["iteration"] for point in found["points"]] == [1, 2, 3]
    assert [point["cpu"] for point in found["points"]] == sorted(point["cpu"] for point in found["points"])
    assert found["points"][-1]["wall"] <= meter.wall
    best = max(point["validation"] for point in found["points"])
    assert found["best"]["validation"] == pytest.approx(best)
    assert 0 < found["best"]["test"] < 1


def test_a_timed_training_ends_where_the_traced_one_was(listening: str) -> None:
    traced = _training_sides.trace(Meter(), folder=listening, trainer="tacit", recipe=RECIPE)
    timed = _training_sides.timed(
        meter := Meter(), folder=listening, trainer="tacit", recipe={**RECIPE, "iterations": 2}
    )

    assert timed["validation"] == pytest.approx(traced["points"][1]["validation"], rel=1e-6)
    assert len(timed["test_users"]) == np.count_nonzero(np.diff(Folds.load(Path(listening)).test.indptr))
    assert meter.cpu > 0


def test_tuning_tells_the_best_iteration_of_each_configuration(listening: str) -> None:
    recipes = [RECIPE, {**RECIPE, "share": 1e6}]

    good, crushed = _training_sides.tune(Meter(), folder=listening, trainer="tacit", recipes=recipes)["tried"]

    assert 1 <= good["iteration"] <= 3
    assert good["validation"] > crushed["validation"]


def test_the_line_is_crossed_at_the_first_iteration_on_it() -> None:
    points = [{"iteration": n, "validation": score} for n, score in ((1, 0.1), (2, 0.4), (3, 0.3), (4, 0.5))]

    assert training_benchmark._crossing(points, 0.4) == 2
    assert training_benchmark._crossing(points, 0.6) is None


def side(**changed: Any) -> dict[str, Any]:
    told = {
        "reached": True,
        "cpu": 10.0,
        "wall": 8.0,
        "peak_gib": 1.0,
        "best": {"test": 0.2},
        "per_iteration": {"cpu": 2.0, "wall": 1.0},
        "all_iterations": {"cpu": 30.0, "wall": 20.0},
    }
    return {**told, **changed}


def judged(
    *, ours: dict[str, Any], difference: float = 0.0, load: float = 0.0
) -> tuple[dict[str, Any], dict[str, bool | None]]:
    pair = {
        "load": load,
        "tacit": side(**ours),
        "implicit": side(),
        "test_difference": {"mean": difference, "standard_error": 0.001},
    }
    figures = training_benchmark._figures([pair])
    return figures, training_benchmark._checks(figures, [pair])


def test_ten_times_faster_as_good_and_no_larger_is_what_must_be_shown() -> None:
    figures, checks = judged(ours={"cpu": 1.0, "wall": 0.5})

    assert (figures["cpu_ratio"], figures["wall_ratio"], figures["cpu_ratio_to_all_iterations"]) == (10, 16, 30)
    assert set(checks.values()) == {True}


@pytest.mark.parametrize(
    ("ours", "difference", "said"),
    [
        ({"cpu": 1.1, "wall": 0.5}, 0.0, "CPU seconds to the line"),
        ({"cpu": 1.0, "wall": 0.9}, 0.0, "wall seconds to the line"),
        ({"cpu": 1.0, "peak_gib": 1.4}, 0.0, "1.3 times"),
        ({"cpu": 1.0, "best": {"test": 0.19}}, 0.0, "best test"),
        ({"cpu": 1.0}, -0.0021, "at the line not below"),
        ({"cpu": 1.0, "reached": False}, 0.0, "reach the line"),
    ],
)
def test_each_thing_that_must_be_shown_can_fail(ours: dict[str, Any], difference: float, said: str) -> None:
    _, checks = judged(ours=ours, difference=difference)

    assert any(said in name for name, kept in checks.items() if not kept)


def test_on_a_busy_machine_cpu_seconds_decide_alone() -> None:
    _, checks = judged(ours={"cpu": 1.0, "wall": 0.9}, load=999.0)

    assert all(checks.values())
    assert not any("wall" in name for name in checks)


def test_our_search_and_the_plain_one_find_the_same_under_conditions(factors: str) -> None:
    arguments = {"contenders": ["tacit", "numpy"], "queries": 20, "rounds": 1, "counts": [10], "excluded": 50}

    found = _retrieval_sides.compare(Meter(), folder=factors, **arguments)["contenders"]

    assert [found[name][case]["recall"] for name in found for case in ("top10", "filtered")] == [1.0] * 4
    assert found["tacit"]["top10"]["p50_ms"] > 0


def test_recall_sees_what_is_missing_repeated_or_forbidden() -> None:
    random = np.random.default_rng(1)
    item_factors, query = random.normal(size=(50, 4)).astype(np.float32), np.ones(4, np.float32)
    best = np.argsort(-(item_factors @ query))

    assert recall(best[:5], item_factors, query) == 1
    assert recall(np.r_[best[:4], best[20]], item_factors, query) == 0.8
    assert recall(np.r_[best[:4], best[0]], item_factors, query) == 0
    assert recall(best[:5], item_factors, query, allowed=np.sort(best[1:])) == 0.8


def test_every_way_of_folding_in_is_as_exact_as_it_says(factors: str) -> None:
    ways = _foldin_sides.compare(Meter(), folder=factors, events=5, rows=8, rounds=1)["ways"]

    assert {name for name, told in ways.items() if told["error"] > 1e-4} == set()


def test_the_best_of_all_users_are_unseen_and_the_best_there_are(factors: str) -> None:
    users = len(_factors.load(Path(factors))[0])

    sums = _batch_sides.tacit(Meter(), folder=factors, users=users, count=5, threads=1)["sums"]

    user_factors, item_factors, weights, order = _batch_sides._asked(factors, users)
    scores = user_factors[order].astype(np.float64) @ item_factors.T.astype(np.float64)
    scores[weights[order].toarray() > 0] = -np.inf
    assert np.allclose(sums, np.sort(scores)[: len(sums), -5:].sum(axis=1), rtol=1e-5)


@pytest.mark.parametrize("part", ["nnz", "users", "items"])
def test_a_share_of_the_data_is_a_share_of_what_it_says(listening: str, part: str) -> None:
    whole = load_csr(Path(listening) / "train")

    half = _scaling_sides.reduced(whole, part, 0.5)

    sizes = {"nnz": lambda csr: csr.nnz, "users": lambda csr: csr.shape[0], "items": lambda csr: csr.shape[1]}
    assert sizes[part](half) == pytest.approx(sizes[part](whole) / 2, rel=0.05)
    assert half.shape == whole.shape or part != "nnz"
    assert half.has_sorted_indices


def test_every_contender_and_trainer_comes_from_a_package_of_the_extra() -> None:
    from benchmarks._retrievers import MODULE_OF, OWN
    from benchmarks._trainers import MODULE_OF as TRAINER_OF
    from benchmarks._trainers import TRAINERS

    contenders = {MODULE_OF.get(name, name) for name in CONTENDERS} - set(OWN)
    trainers = {TRAINER_OF.get(name, name) for name in TRAINERS} - {"tacit"}

    assert contenders | trainers == set(_peers.PACKAGES)
