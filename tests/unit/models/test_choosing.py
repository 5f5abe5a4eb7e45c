"""The native engine runs where it works; where it does not, NumPy's does, and says so."""

from __future__ import annotations

import importlib.util
import os
import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tacit.errors import Misconfigured
from tacit.models.recommender.engines.choosing import choose_engine, usable_threads

NATIVE = "tacit.models.recommender.engines.native_engine"
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

needs_native = pytest.mark.skipif(
    importlib.util.find_spec("tacit._native") is None, reason="the native extension was not built"
)


class BrokenEngine:
    """An engine that is there and miscalculates."""

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def transpose(self, matrix: Any) -> Any:
        return matrix


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine where nothing was compiled."""
    monkeypatch.delitem(sys.modules, NATIVE, raising=False)
    monkeypatch.setitem(sys.modules, NATIVE, None)


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType(NATIVE)
    module.NativeEngine = BrokenEngine  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, NATIVE, module)


@needs_native
def test_auto_takes_the_native_engine_without_a_word() -> None:
    heard: list[str] = []

    engine = choose_engine(notify=heard.append)

    assert engine.name.startswith("native ")
    assert heard == []


@needs_native
def test_native_runs_on_every_core_or_as_many_as_asked_for() -> None:
    assert choose_engine("native").threads == CORES
    assert choose_engine("native", 1).threads == 1
    assert choose_engine("native", 10_000).threads == CORES


@pytest.mark.usefixtures("missing")
def test_auto_falls_back_to_numpy_and_says_why_and_what_to_do() -> None:
    heard: list[str] = []

    engine = choose_engine("auto", notify=heard.append)

    assert engine.name == "numpy"
    assert len(heard) == 1
    assert "native_engine" in heard[0]
    assert "compiler" in heard[0]


@pytest.mark.usefixtures("broken")
def test_auto_falls_back_from_an_engine_that_miscalculates() -> None:
    heard: list[str] = []

    assert choose_engine("auto", notify=heard.append).name == "numpy"
    assert "miscalculates" in heard[0]


@pytest.mark.parametrize("state", ["missing", "broken"])
def test_native_asked_for_by_name_is_refused_where_it_does_not_run(state: str, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue(state)

    with pytest.raises(Misconfigured) as refused:
        choose_engine("native")

    assert refused.value.code == "engine_unavailable"
    assert refused.value.fix


def test_numpy_asked_for_by_name_comes_without_a_word() -> None:
    heard: list[str] = []

    assert choose_engine("numpy", notify=heard.append).name == "numpy"
    assert heard == []


def test_an_engine_nobody_knows_is_refused_by_name() -> None:
    with pytest.raises(Misconfigured, match="'cuda'") as refused:
        choose_engine("cuda")

    assert refused.value.code == "engine_unknown"


@pytest.mark.parametrize("threads", [0, -2])
@pytest.mark.parametrize("name", ["auto", "numpy"])
def test_fewer_than_one_thread_is_refused(name: str, threads: int) -> None:
    with pytest.raises(Misconfigured) as refused:
        choose_engine(name, threads)

    assert refused.value.code == "threads_invalid"


def test_threads_are_those_of_this_process_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5, 7}, raising=False)

    assert [usable_threads(), usable_threads(2), usable_threads(8)] == [3, 2, 3]


def test_an_engine_chosen_is_an_engine_that_works() -> None:
    engine = choose_engine()

    factors = np.eye(3, dtype=np.float32)
    assert engine.index(factors).search(factors[1], 1).items.tolist() == [1]
