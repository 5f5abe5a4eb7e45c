"""A candidate answers before any user meets it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tacit.adapters.artifacts import FolderArtifacts
from tacit.bootstrap.rehearsing import ServingStage
from tacit.data.datasets import SnapshotRules, freeze
from tacit.errors import Unavailable
from tacit.models.recommender.als import AlsSettings
from tacit.models.recommender.model import RecommenderModel
from tacit.models.recommender.workload import RecommenderWorkload
from tacit.rollout.rehearsal import Answer, Recorded, measured, replayed
from tacit.serving.exposures import Exposure
from tests.communities import titled, two_tastes

WORKLOAD = RecommenderWorkload(AlsSettings(factors=8, iterations=4))
Model = Callable[[str, int], Answer]


def shown(user_id: str | None, *item_ids: str) -> Exposure:
    return Exposure(f"r-{user_id}", "recommender/1", user_id, "personal", False, item_ids, 1)


@dataclass(frozen=True)
class Bare:
    """A stage for models that are functions; it writes nothing."""

    record: Sequence[Recorded] = ()
    known: Sequence[str] = field(default=("ann", "bob"))

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        yield Path()

    def users(self, model: Model) -> Sequence[str]:
        return self.known

    def answer(self, model: Model, user_id: str, count: int) -> Answer:
        return model(user_id, count)

    def memory_bytes(self, model: Model) -> int:
        return 1_000

    def recorded(self, limit: int) -> Sequence[Recorded]:
        return self.record[:limit]


def good(_: str, count: int) -> Answer:
    return Answer(("a", "b", "c")[:count], (0.9, 0.8, 0.7)[:count])


def test_what_answers_cost_is_measured_on_the_spot(tmp_path: Path) -> None:
    (tmp_path / "factors.npy").write_bytes(b"12345")

    cost = measured(good, tmp_path, stage=Bare())

    assert (cost.answers, cost.size_bytes, cost.memory_bytes, cost.problem) == (100, 5.0, 1_000.0, "")
    assert 0 < cost.p95_seconds < 1


def test_a_model_that_raises_is_told_and_not_measured(tmp_path: Path) -> None:
    def broken(user_id: str, _: int) -> Answer:
        raise KeyError(user_id)

    cost = measured(broken, tmp_path, stage=Bare())

    assert cost.problem.startswith("KeyError")
    assert math.isnan(cost.p95_seconds)


def test_a_model_that_knows_nobody_has_no_answers_to_time(tmp_path: Path) -> None:
    cost = measured(good, tmp_path, stage=Bare(known=()))

    assert (cost.answers, math.isnan(cost.p95_seconds), cost.problem) == (0, True, "")


def test_overlap_is_what_would_be_shown_again_and_shift_is_against_the_champions_scores() -> None:
    stage = Bare((shown("ann", "a", "b", "x"), shown("bob", "a", "b", "c")))

    found = replayed(good, 10, stage=stage, champion=lambda _, count: Answer(("c", "a", "z"), (0.5, 0.4, 0.3)))

    assert (found.requests, found.failed) == (2, 0)
    assert found.overlap == pytest.approx((2 / 3 + 1) / 2)
    assert found.score_shift == pytest.approx((0.5 + 0.2) / 2)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (Answer((), ()), "no item at all"),
        (Answer(("a",), (math.nan,)), "scores that are not finite"),
        (Answer(("a",), (math.inf,)), "scores that are not finite"),
    ],
)
def test_an_answer_that_is_none_counts_as_failed(answer: Answer, problem: str) -> None:
    found = replayed(lambda *_: answer, 10, stage=Bare((shown("ann", "a"),)))

    assert (found.requests, found.failed, found.problem) == (1, 1, problem)


def test_requests_of_nobody_in_particular_and_empty_answers_are_not_asked_again() -> None:
    found = replayed(good, 10, stage=Bare((shown(None, "a"), shown("ann"))))

    assert (found.requests, found.problem) == (0, "")


def test_a_champion_that_fails_is_no_fault_of_the_candidate() -> None:
    def broken(*_: object) -> Answer:
        raise ValueError

    found = replayed(good, 10, stage=Bare((shown("ann", "a"),)), champion=broken)

    assert (found.failed, math.isnan(found.score_shift)) == (0, True)


def test_a_record_that_cannot_be_read_is_told() -> None:
    class Silent(Bare):
        def recorded(self, limit: int) -> Sequence[Recorded]:
            raise Unavailable("database_unavailable", "The database does not answer.")

    found = replayed(good, 10, stage=Silent())

    assert (found.requests, found.problem) == (0, "The database does not answer.")


@pytest.fixture(scope="module")
def model() -> RecommenderModel:
    found = two_tastes()
    return WORKLOAD.fit(freeze(found, titled(found), SnapshotRules())).model


def test_a_recommender_answers_as_a_server_would(model: RecommenderModel, tmp_path: Path) -> None:
    stage = ServingStage(FolderArtifacts(tmp_path), lambda _: ())

    known = stage.answer(model, model.user_ids[0], 5)
    stranger = stage.answer(model, "nobody", 5)

    met = {model.items[place].item_id for place in model.history(0)[0]}
    assert (len(known.item_ids), known.is_personal) == (5, True)
    assert not met & set(known.item_ids)
    assert list(known.scores) == sorted(known.scores, reverse=True)
    assert (len(stranger.item_ids), stranger.is_personal) == (5, False)


def test_memory_counts_at_least_what_the_arrays_hold(model: RecommenderModel, tmp_path: Path) -> None:
    stage = ServingStage(FolderArtifacts(tmp_path), lambda _: ())

    assert stage.memory_bytes(model) > model.user_factors.nbytes + model.item_factors.nbytes + model.values.nbytes


def test_a_scratch_folder_is_gone_afterwards_even_if_something_fails(tmp_path: Path) -> None:
    stage = ServingStage(FolderArtifacts(tmp_path), lambda _: ())

    lent = []

    def fail_half_way() -> None:
        with stage.scratch() as folder:
            lent.append(folder)
            (folder / "half.npy").write_bytes(b"1")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()

    assert [folder.exists() for folder in lent] == [False]


def test_a_machine_that_was_busy_with_something_else_does_not_make_a_model_slow(tmp_path: Path) -> None:
    asked: list[str] = []

    def interrupted(user_id: str, count: int) -> Answer:
        asked.append(user_id)
        if len(asked) % 2:
            time.sleep(0.006)
        return good(user_id, count)

    cost = measured(interrupted, tmp_path, stage=Bare())

    assert len(asked) >= 200
    assert cost.p95_seconds < 0.006


def test_a_model_that_always_takes_long_is_found_slow(tmp_path: Path) -> None:
    def slow(user_id: str, count: int) -> Answer:
        time.sleep(0.006 if user_id == "ann" else 0)
        return good(user_id, count)

    assert measured(slow, tmp_path, stage=Bare()).p95_seconds >= 0.006
