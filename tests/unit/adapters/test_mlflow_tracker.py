"""MLflow as a tracker: what it is told, told once; and a server that is away or hangs costs one deadline."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mlflow", reason="MLflow's client is not installed (the extra `mlflow`)")

from tacit.adapters.mlflow_tracker import MlflowTracker
from tacit.errors import Unavailable
from tests.experiments import a_run

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own and its packages': we can mend none of them


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose SQLite tables were made once."""
    folder = tmp_path_factory.mktemp("mlflow")
    tracker_in(folder).record(a_run("first", experiment="first"))
    return folder


def tracker_in(folder: Path) -> MlflowTracker:
    return MlflowTracker(f"sqlite:///{folder}/runs.db", artifacts=folder / "artifacts", seconds=110)


def runs_in(folder: Path, experiment: str) -> list[Any]:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{folder}/runs.db")
    found = client.get_experiment_by_name(experiment)
    return list(client.search_runs([found.experiment_id])) if found else []


@pytest.mark.requirement("EVAL-005")
def test_a_run_arrives_with_parameters_metrics_curves_tags_and_texts(store: Path) -> None:
    run = a_run("a", experiment="arrives", kind="training")

    tracker_in(store).record(run, {"model_card.md": "# “ü”\n"})

    [found] = runs_in(store, "arrives")
    assert found.data.params == {"factors": "8", "seed": "7"}
    assert found.data.metrics["ndcg_at_10"] == 0.25
    assert found.data.metrics["precision_at_10"] == run.outcome.metrics["precision@10"]
    assert (found.data.metrics["seconds"], found.data.metrics["factor_bytes"]) == (2.0, 1_000.0)
    assert found.data.tags["tacit.snapshot"] == run.recipe.snapshot
    assert found.data.tags["tacit.code"] == run.recipe.code
    assert found.data.tags["tacit.version"] == "a"
    assert found.info.status == "FINISHED"
    card = next((store / "artifacts" / "arrives").rglob("model_card.md"))
    assert card.read_text("utf-8") == "# “ü”\n"


def test_a_curve_arrives_with_its_iterations(store: Path) -> None:
    from mlflow.tracking import MlflowClient

    tracker_in(store).record(a_run("a", experiment="curves"))

    [found] = runs_in(store, "curves")
    client = MlflowClient(tracking_uri=f"sqlite:///{store}/runs.db")
    history = client.get_metric_history(found.info.run_id, "loss_by_iteration")
    assert [(each.step, each.value) for each in history] == [(1, 5.5), (2, 4.25)]


def test_a_run_told_twice_is_there_once(store: Path) -> None:
    for _ in range(2):
        tracker_in(store).record(a_run("a", experiment="twice"))

    assert len(runs_in(store, "twice")) == 1


def test_a_failed_run_and_a_pruned_one_are_told_as_such(store: Path) -> None:
    tracker = tracker_in(store)
    tracker.record(a_run("f", experiment="ends", state="failed", problem="training_diverged: no"))
    tracker.record(a_run("p", experiment="ends", state="pruned"))

    found = {run.info.run_name: run for run in runs_in(store, "ends")}
    assert (found["f"].info.status, found["p"].info.status) == ("FAILED", "KILLED")
    assert found["f"].data.tags["tacit.problem"] == "training_diverged: no"


def test_files_of_an_experiment_are_kept_beside_its_runs(store: Path, tmp_path: Path) -> None:
    table = tmp_path / "experiments_comparison.csv"
    table.write_text("name\n")

    tracker_in(store).attach("files", [table], {"tacit.chosen": "run-a"})

    [found] = runs_in(store, "files")
    assert found.data.tags["tacit.chosen"] == "run-a"
    assert next((store / "artifacts" / "files").rglob("*.csv")).read_text() == "name\n"


@pytest.fixture
def hanging() -> Iterator[str]:
    """The address of a server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_server_that_hangs_costs_one_deadline_and_no_second(hanging: str, store: Path) -> None:
    tracker = MlflowTracker(hanging, artifacts=None, seconds=0.5)
    seconds = []

    for _ in range(3):
        started = time.monotonic()
        with pytest.raises(Unavailable) as away:
            tracker.record(a_run("a"))
        seconds.append(time.monotonic() - started)
        assert away.value.code == "tracker_timeout"

    assert 0.4 < seconds[0] < 5
    assert max(seconds[1:]) < 0.5


def test_a_server_that_is_not_there_is_told_with_what_to_do(store: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"

    with pytest.raises(Unavailable) as away:
        MlflowTracker(address, artifacts=None, seconds=60).record(a_run("a"))

    assert away.value.code == "tracker_unavailable"
    assert "tacit experiments publish" in str(away.value.fix)


def test_a_password_in_the_address_is_in_no_error(store: Path) -> None:
    with pytest.raises(Unavailable) as away:
        MlflowTracker("nothing://ann:hunter2@127.0.0.1:1/x", artifacts=store, seconds=60).record(a_run("a"))

    assert "nothing" in str(away.value)
    assert "hunter2" not in f"{away.value} {away.value.as_dict()} {away.value.__cause__}"
