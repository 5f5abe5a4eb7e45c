"""The same experiment with MLflow switched on: on SQLite, and by a real server on PostgreSQL; and with it away."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tacit.data import synthetic
from tests.mlflow_server import mlflow_program, tracking_server
from tests.postgres_server import running_server
from tests.shells import TACIT, Ran, environment, tacit

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("mlflow") is None, reason="MLflow's client is not installed (the extra `mlflow`)"
    ),
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore"),  # MLflow's own and its packages': we can mend none of them
]

SWEEP = """
name = "pair"
[defaults]
iterations = 3
[[configuration]]
name = "four"
factors = 4
[[configuration]]
name = "eight"
factors = 8
"""


def home_in(folder: Path) -> Path:
    """A home with a small synthetic community imported, and a sweep beside it."""
    synthetic.generate(folder / "community", users=120, items=100, artists_per_user=15)
    (folder / "pair.toml").write_text(SWEEP)
    ran = tacit("import", "auto", "--from", folder / "community", "--json", home=folder / "home")
    assert ran.code == 0, ran.err
    return folder / "home"


def tracked(*arguments: str | Path, home: Path, uri: str | None = None, seconds: int = 90) -> Ran:
    """Run a command with MLflow as the tracker, its address in the environment."""
    more = {"TACIT_EXPERIMENTS__TRACKER": "mlflow", "TACIT_EXPERIMENTS__TRACKER_SECONDS": str(seconds)}
    if uri is not None:
        more["TACIT_EXPERIMENTS__TRACKING_URI"] = uri
    started = time.monotonic()
    ran = subprocess.run(
        [TACIT, *map(str, arguments), "--json"],
        cwd=home.parent,
        env=environment(TACIT_HOME=str(home), **more),
        capture_output=True,
        text=True,
        check=False,
        timeout=600,  # a busy machine takes minutes to make the tracker's tables
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr, time.monotonic() - started)


def runs_at(uri: str, experiment: str) -> dict[str, Any]:
    """The runs of an experiment by name, read as anybody would."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    found = client.get_experiment_by_name(experiment)
    assert found is not None, f"no experiment {experiment} at the tracker"
    return {
        f"{run.info.run_name} {run.data.tags.get('tacit.fold', '')}": run
        for run in client.search_runs([found.experiment_id])
    }


def files_at(uri: str, run: Any) -> set[str]:
    from mlflow.tracking import MlflowClient

    return {found.path for found in MlflowClient(tracking_uri=uri).list_artifacts(run.info.run_id)}


def check_sweep(uri: str, ran: Ran) -> None:
    """What a sweep must have left at the tracker."""
    assert ran.code == 0, ran.err
    assert "not told" not in ran.err
    found = runs_at(uri, "pair")
    assert set(found) == {
        "four validation",
        "eight validation",
        f"{ran.answer['final']['name']} holdout",
        "comparison ",
    }
    for row in ran.answer["rows"]:
        run = found[f"{row['name']} validation"]
        assert run.data.metrics["ndcg_at_10"] == row["ndcg@10"]
        assert run.data.tags["tacit.factors_digest"] == row["factors_digest"]
        assert run.data.tags["tacit.snapshot"] == ran.answer["snapshot"]
        assert run.data.params["factors"] == str(row["factors"])
    assert found["comparison "].data.tags["tacit.chosen"] == ran.answer["chosen"]
    assert "experiments_comparison.csv" in files_at(uri, found["comparison "])


def test_a_sweep_reaches_sqlite_where_nothing_else_is_said(tmp_path: Path) -> None:
    home = home_in(tmp_path)

    ran = tracked("experiments", "run", tmp_path / "pair.toml", "--out", tmp_path / "out", home=home)

    check_sweep(f"sqlite:///{home}/mlflow/runs.db", ran)


def test_a_server_that_hangs_delays_a_sweep_by_one_deadline_and_costs_no_result(tmp_path: Path) -> None:
    home = home_in(tmp_path)
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        uri = f"http://127.0.0.1:{listener.getsockname()[1]}"

        ran = tracked("experiments", "run", tmp_path / "pair.toml", home=home, uri=uri, seconds=2)

    assert ran.code == 0, ran.err
    assert ran.err.count("The tracker was not told") == 3
    assert "No answer within 2 s" in ran.err
    started = time.monotonic()
    listed = tacit("experiments", "list", "--json", home=home)
    assert [run["state"] for run in listed.answer] == ["complete"] * 3
    assert time.monotonic() - started < 60


@pytest.mark.requirement("EVAL-005")
@pytest.mark.requirement("EVAL-021")
@pytest.mark.requirement("TRAIN-018")
def test_a_real_server_on_postgresql_is_told_everything_and_catches_up_on_what_it_missed(tmp_path: Path) -> None:
    mlflow_program()
    home = home_in(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nowhere = f"http://127.0.0.1:{listener.getsockname()[1]}"
    missed = tracked("train", "--set", "als.factors=4", home=home, uri=nowhere, seconds=60)
    assert missed.code == 0, missed.err
    assert "tracker_not_told" in missed.err

    with running_server() as postgres:
        store = postgres.new_database().replace("postgresql://", "postgresql+psycopg://")
        with tracking_server(store, tmp_path) as uri:
            ran = tracked("experiments", "run", tmp_path / "pair.toml", "--out", tmp_path / "out", home=home, uri=uri)
            check_sweep(uri, ran)
            trained = tracked("train", "--set", "als.factors=4", home=home, uri=uri)
            assert trained.code == 0, trained.err
            for _ in range(2):
                published = tracked("experiments", "publish", home=home, uri=uri)
                assert published.answer == {"runs": 5}

            found = runs_at(uri, "training")
            assert set(found) == {"recommender/1 holdout", "recommender/2 holdout"}
            assert [files_at(uri, run) for run in found.values()] == [{"model_card.md"}] * 2
            assert found["recommender/2 holdout"].data.metrics["ndcg_at_10"] == trained.answer["metrics"]["ndcg@10"]
            assert len(runs_at(uri, "pair")) == 4
