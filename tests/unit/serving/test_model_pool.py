"""The pool: what answers is verified and asked first, and what cannot be loaded leaves the last good one in place."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tacit.monitoring import metrics as catalogue
from tacit.serving.events import RegistryLost, VersionLoaded, VersionRefused
from tacit.serving.health import judge_health
from tacit.serving.model_pool import LoadedVersion, ask_once
from tests.stages import WORKLOAD, Stage, small_model, spoil, stage, wait_until

FILES = sorted(
    (
        "history_indptr.npy",
        "history_items.npy",
        "history_values.npy",
        "item_factors.npy",
        "item_index.arrow",
        "item_listeners.npy",
        "item_nearest.npy",
        "manifest.json",
        "popular.arrow",
        "recommender.json",
        "signature.json",
        "user_factors.npy",
        "user_index.arrow",
    )
)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path) as made:
        yield made


def health(made: Stage) -> str:
    return judge_health(made.pool.loaded, made.pool.refused, made.pool.lost).status


def test_the_champion_is_loaded_and_a_promotion_moves_it(made: Stage) -> None:
    made.release(seed=1)
    first = made.pool.refresh()
    made.release(seed=2)
    second = made.pool.refresh()

    assert first is not None
    assert second is not None
    assert [first.label, second.label] == ["recommender/1", "recommender/2"]
    assert not np.allclose(first.model.item_factors, second.model.item_factors)
    assert [event.replaced for event in made.events if isinstance(event, VersionLoaded)] == [None, "recommender/1"]


def test_the_files_of_a_version_stay_while_it_is_being_loaded(made: Stage) -> None:
    for seed in (1, 2):
        made.register(seed=seed)
    load, reports = made.pool._load, []

    def load_while_others_prune(folder: Path) -> object:
        reports.append(made.bench.retention.prune("recommender", keep=1, also=lambda: (), actor="ann"))
        return load(folder)

    made.pool._load = load_while_others_prune
    loaded = made.pool.ready(1)

    assert isinstance(loaded, LoadedVersion)
    assert [report.busy for report in reports] == [(1,)]


def test_a_rollback_brings_the_version_before_back(made: Stage) -> None:
    made.release()
    made.release()
    made.pool.refresh()
    made.bench.release.rollback("recommender", actor="ann", reason="worse")
    made.pool.refresh()

    assert made.pool.current().label == "recommender/1"


def test_the_files_listed_here_are_all_the_files_of_a_version(made: Stage) -> None:
    assert sorted(path.name for path in made.release().folder.iterdir()) == FILES


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_in_any_file_is_refused_and_the_old_version_keeps_answering(made: Stage, name: str) -> None:
    made.release()
    made.pool.refresh()
    before = made.service.for_user("u000")
    spoil(made.release(seed=2).folder, name)
    made.pool.refresh()
    after = made.service.for_user("u000")

    assert (after.model_version, after.items, after.degraded) == ("recommender/1", before.items, False)
    assert made.pool.refused is not None
    assert made.pool.refused.number == 2
    assert made.metrics.value(catalogue.VERSIONS_REFUSED) == 1
    refusal = made.events[-1]
    assert isinstance(refusal, VersionRefused)
    assert (refusal.version, refusal.serving) == ("recommender/2", "recommender/1")
    assert health(made) == "degraded"


def test_a_refused_champion_at_the_start_is_stood_in_for_by_the_newest_earlier_one_that_verifies(made: Stage) -> None:
    folders = [made.release(seed).folder for seed in (1, 2, 3, 4)]
    spoil(folders[3], "user_factors.npy")
    spoil(folders[2], "item_index.arrow")
    made.pool.refresh()

    assert made.pool.current().label == "recommender/2"
    assert health(made) == "degraded"


def test_with_no_version_that_verifies_we_are_unhealthy_and_say_why(made: Stage) -> None:
    spoil(made.release().folder, "popular.arrow")
    made.pool.refresh()
    judged = judge_health(made.pool.loaded, made.pool.refused, made.pool.lost)

    assert (judged.status, judged.model_loaded) == ("unhealthy", False)
    assert any("manifest_mismatch" in reason for reason in judged.reasons)


def test_a_mended_champion_is_taken_up_and_health_returns(made: Stage) -> None:
    made.release()
    made.pool.refresh()
    folder = made.release(seed=2).folder
    spoil(folder, "user_factors.npy")
    made.pool.refresh()
    spoil(folder, "user_factors.npy")  # the same bit once more
    made.pool.refresh()

    assert (made.pool.current().label, made.pool.refused, health(made)) == ("recommender/2", None, "healthy")


def test_a_signed_version_that_answers_nonsense_is_refused_before_any_user_meets_it(made: Stage) -> None:
    made.release()
    made.pool.refresh()

    def write(folder: Path) -> None:
        WORKLOAD.save(small_model(), folder)
        np.save(folder / "user_factors.npy", np.zeros((3, 2), np.float32))

    version = made.bench.register(write=write)
    made.bench.release.promote("recommender", version.number, actor="ann")
    made.pool.refresh()

    assert made.pool.refused is not None
    assert (made.pool.refused.code, made.pool.current().label) == ("model_invalid", "recommender/1")


def test_a_whole_version_with_nothing_to_fall_back_to_is_refused_by_the_question_it_is_asked(made: Stage) -> None:
    made.release()
    made.pool.refresh()
    nothing = replace(small_model(), popular={}, listeners=np.zeros(len(small_model().items), np.int64))
    version = made.bench.register(write=lambda folder: WORKLOAD.save(nothing, folder))
    made.bench.release.promote("recommender", version.number, actor="ann")
    made.pool.refresh()

    assert made.pool.refused is not None
    assert (made.pool.refused.code, made.pool.current().label) == ("check_failed", "recommender/1")


def test_a_version_whose_files_are_missing_is_refused_whatever_loading_raises(made: Stage) -> None:
    made.release()
    made.pool.refresh()
    version = made.bench.register()  # signed, but without the files of a recommender
    made.bench.release.promote("recommender", version.number, actor="ann")
    made.pool.refresh()

    assert made.pool.refused is not None
    assert (made.pool.refused.code, made.pool.current().label) == ("check_failed", "recommender/1")


def test_a_promotion_elsewhere_is_seen_within_two_seconds_while_answers_never_mix_versions(made: Stage) -> None:
    made.release(seed=1)
    made.pool.start()
    expected = {f"recommender/{seed}": small_model(seed) for seed in (1, 2)}
    scores = {
        label: model.item_factors @ model.user_factors[model.user_rows["u000"]] for label, model in expected.items()
    }
    mixed, met, stop = [], set(), threading.Event()

    def ask() -> None:
        while not stop.is_set():
            answer = made.service.for_user("u000", limit=5)
            rows = [expected[answer.model_version].item_rows[item.item_id] for item in answer.items]
            met.add(answer.model_version)
            given = [item.score for item in answer.items]
            if not np.allclose(scores[answer.model_version][rows], given, atol=1e-5):
                mixed.append(answer)

    asking = [threading.Thread(target=ask) for _ in range(2)]
    for thread in asking:
        thread.start()
    made.release(seed=2)
    took = wait_until(lambda: "recommender/2" in met)
    stop.set()
    for thread in asking:
        thread.join()

    assert took < 2
    assert (mixed, met) == ([], {"recommender/1", "recommender/2"})


def test_a_registry_that_cannot_be_asked_is_told_once_and_what_is_loaded_keeps_answering(made: Stage) -> None:
    made.release()
    made.pool.start()
    database = made.bench.home / "tacit.db"
    whole = database.read_bytes()
    made.bench.versions._database.engine.dispose()  # type: ignore[union-attr]
    database.write_bytes(b"no database" * 1_000)
    wait_until(lambda: health(made) == "degraded")
    answer = made.service.popular()
    made.bench.versions._database.engine.dispose()  # type: ignore[union-attr]
    database.write_bytes(whole)
    wait_until(lambda: health(made) == "healthy")

    assert answer.items
    assert len([event for event in made.events if isinstance(event, RegistryLost)]) == 1


def test_what_is_loaded_can_be_read_off_the_gauges(made: Stage) -> None:
    made.release(metrics={"ndcg@10": 0.2, "novelty": 3.0})
    made.pool.refresh()
    made.release(seed=2, metrics={"ndcg@10": 0.25})
    made.pool.refresh()
    value = made.metrics.value
    model = small_model()

    assert value(catalogue.MODEL_LOADED) == 1
    assert value(catalogue.MODEL_USERS) == len(model.user_ids)
    assert value(catalogue.MODEL_ITEMS) == len(model.items)
    assert value(catalogue.MODEL_FACTORS) == 4
    assert [value(catalogue.MODEL_ACCURACY, metric=name) for name in ("ndcg@10", "novelty")] == [0.25, 0]
    assert [value(catalogue.MODEL_VERSION, version=f"recommender/{n}", dataset="lastfm") for n in (1, 2)] == [0, 1]


def test_a_pool_can_be_started_and_stopped_twice(made: Stage) -> None:
    for _ in range(2):
        made.pool.start()
        made.pool.start()
        made.pool.stop()
    made.release()
    made.pool.start()

    assert made.pool.current().label == "recommender/1"


def test_a_question_asked_at_loading_leaves_nothing_for_the_first_user_to_wait_for() -> None:
    model = small_model(seed=7)
    ask_once(model)

    assert {"user_rows", "item_rows", "side", "index", "unit_index", "categories", "ranked"} <= vars(model).keys()
