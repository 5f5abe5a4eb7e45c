"""What the settings make of the platform: every choice about training arrives where it is used."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tacit.adapters.memory_store import MemoryEventStore
from tacit.adapters.prometheus import PrometheusSink
from tacit.bootstrap import build, load_settings
from tacit.bootstrap.events import watch_accounts
from tacit.bootstrap.run_ledger import write_training
from tacit.data import synthetic
from tacit.data.event_effects import EventCounts
from tacit.errors import Misconfigured, Refused, Unavailable
from tacit.models.recommender.search import SearchResult
from tacit.models.recommender.training_plan import PlanRules, VoiceRecipe
from tacit.monitoring import metrics as catalogue
from tacit.rollout.candidates import Lesson

NUMPY = {"als.engine": "numpy"}


def test_each_choice_about_training_reaches_the_workload(tmp_path: Path) -> None:
    chosen = {
        **NUMPY,
        "als.factors": 33,
        "als.seed": 0,
        "als.frequency_exponent": 0.0,
        "als.cg_steps": 4,
        "als.relaxation": 1.25,
        "als.method": "cholesky",
        "als.early_stopping": False,
        "als.memory_limit_mib": 64,
    }

    with build(load_settings(flags={"home": tmp_path, **chosen}, environ={})) as app:
        workload = app.workload

    settings = workload.settings
    assert (settings.factors, settings.seed, settings.frequency_exponent) == (33, 0, 0.0)
    assert (settings.method, settings.cg_steps, settings.relaxation) == ("cholesky", 4, 1.25)
    assert workload.rules == PlanRules(early_stopping=False, blend="auto")
    assert (workload.engine.name, workload.memory()) == ("numpy", 64 * 2**20)


def test_unless_limited_a_training_may_take_what_the_machine_has_left(tmp_path: Path) -> None:
    with build(load_settings(flags={"home": tmp_path, **NUMPY}, environ={})) as app:
        left = app.workload.memory()

    assert left is None or left > 0


def test_an_operator_may_force_the_instruction_set_without_it_counting_as_a_setting() -> None:
    assert load_settings(environ={"TACIT_ISA": "avx2"}).settings.als.engine == "auto"


@pytest.mark.parametrize("key", ["als.relaxation", "als.threads", "als.patience", "als.memory_limit_mib"])
def test_a_choice_that_cannot_work_is_refused_by_name(key: str) -> None:
    with pytest.raises(Misconfigured) as refusal:
        load_settings(flags={key: "0"}, environ={})

    assert refusal.value.field == key


@pytest.fixture
def community(tmp_path: Path) -> Path:
    synthetic.generate(tmp_path / "community", users=150, items=100, artists_per_user=20)
    return tmp_path / "community"


def test_what_a_search_found_is_trained_as_it_was_found(tmp_path: Path, community: Path) -> None:
    flags = {"home": tmp_path / "home", **NUMPY, "als.factors": 8, "als.iterations": 2}
    voice = VoiceRecipe(
        "item_knn", {"source": 0.5, "target": 0.5, "user": 0.0, "keep": 20, "by_target": 0.0}, weight=0.25
    )
    with build(load_settings(flags=flags, environ={})) as app:
        app.import_data("auto", community, actor="test")
        settings = app.workload.settings.resolved(app.freeze().training)
        found = SearchResult(
            settings=settings,
            voice=voice,
            ndcg=0.3,
            default_ndcg=0.2,
            popularity=0.1,
            trials=(),
            judged_users=100,
            seconds=1.0,
            ended_by="trials",
        )
        facts = app.train(actor="test", found=found).as_dict()["hyperparameters"]

    assert isinstance(facts, dict)
    assert (facts["alpha"], facts["iterations"], facts["factors"]) == (settings.alpha, 2, 8)
    assert (facts["voice"], facts["voice_weight"]) == ("item_knn", 0.25)
    assert facts["validation"] is None


def test_a_training_beyond_the_memory_it_may_take_is_refused_and_registers_nothing(
    tmp_path: Path, community: Path
) -> None:
    flags = {"home": tmp_path / "home", **NUMPY}
    with build(load_settings(flags=flags, environ={})) as app:
        app.import_data("auto", community, actor="test")
        app = replace(app, workload=replace(app.workload, memory=lambda: 2**20))
        with pytest.raises(Refused) as refusal:
            app.train(actor="test")
        versions = list(app.registry.versions("recommender"))

    assert (refusal.value.code, versions) == ("training_too_large", [])


class Away(MemoryEventStore):
    """A store that cannot be asked, and counts how often it was."""

    asked = 0

    def counts(self) -> Mapping[str, EventCounts]:
        self.asked += 1
        raise Unavailable("database_timeout", "The unit of work took too long.")


def test_one_scrape_asks_a_store_that_is_away_but_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tacit.bootstrap.events._FRESH_SECONDS", 60.0)
    store, metrics = Away(), PrometheusSink()
    watch_accounts(metrics, store)

    assert metrics.text()
    assert store.asked == 1
    assert math.isnan(metrics.value(catalogue.EVENT_BALANCE, source="api"))


def test_a_metric_that_is_no_number_keeps_nobody_from_reading_the_ledger_of_runs(
    tmp_path: Path, community: Path
) -> None:
    flags = {"home": tmp_path / "home", **NUMPY, "als.factors": 4, "als.iterations": 1, "als.early_stopping": False}
    with build(load_settings(flags=flags, environ={})) as app:
        app.import_data("auto", community, actor="test")
        made, snapshot = app.train(actor="test"), app.freeze()
        scores = {"ndcg@10": 0.5, "gini@10": math.nan}
        odd = replace(made, run=replace(made.run, evaluation=replace(made.run.evaluation, metrics=scores)))
        lesson = Lesson(snapshot, snapshot.dataset, snapshot.fingerprint, snapshot.facts(), "code")
        write_training(odd, lesson, store=app.runs, settings=app.settings, started=app.clock(), clock=app.clock)
        [run] = app.runs.runs(limit=1)

    assert json.loads(json.dumps(run.as_dict(), allow_nan=False))["metrics"]["ndcg@10"] == 0.5
    assert "gini@10" not in run.outcome.metrics
