"""What a training will need is told before it starts, and what cannot be had is refused."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from dataclasses import replace

import pytest

from tacit.data.datasets import SnapshotRules, freeze
from tacit.errors import Refused
from tacit.models.recommender.als import AlsSettings
from tacit.models.recommender.engines.numpy_engine import NumpyEngine
from tacit.models.recommender.memory import TrainingSize, affordable_factors, refuse_beyond
from tacit.models.recommender.workload import RecommenderWorkload
from tests.communities import two_tastes

MIB = 2**20
LARGE = TrainingSize(users=350_000, items=120_000, interactions=14_000_000, factors=128, known_users=360_000)


def test_a_training_that_fits_is_let_through() -> None:
    refuse_beyond(LARGE, LARGE.bytes)
    refuse_beyond(LARGE, None)


def test_a_training_that_does_not_fit_says_what_it_needs_what_there_is_and_what_would_fit() -> None:
    with pytest.raises(Refused) as refusal:
        refuse_beyond(LARGE, 400 * MIB)

    assert refusal.value.code == "training_too_large"
    assert refusal.value.context == {"needed_mib": -(-LARGE.bytes // MIB), "available_mib": 400}
    fix = refusal.value.fix or ""
    fitting = int(fix.removeprefix("Set als.factors to ").split()[0])
    assert replace(LARGE, factors=fitting).bytes <= 400 * MIB < replace(LARGE, factors=fitting + 1).bytes


def test_where_no_number_of_factors_would_fit_none_is_named() -> None:
    with pytest.raises(Refused) as refusal:
        refuse_beyond(replace(LARGE, is_blended=True), 100 * MIB)

    assert (refusal.value.fix or "").startswith("Free memory, set als.blend to off")


def test_a_search_tries_no_longer_vectors_than_memory_affords() -> None:
    affordable = affordable_factors(LARGE, 400 * MIB)

    assert replace(LARGE, factors=affordable).bytes <= 400 * MIB < replace(LARGE, factors=affordable + 1).bytes
    assert affordable_factors(LARGE, None) == affordable_factors(LARGE, LARGE.bytes) == 128
    with pytest.raises(Refused, match="with 1 factors"):
        affordable_factors(LARGE, 10 * MIB)


def test_more_to_decide_needs_more_memory() -> None:
    judged = replace(LARGE, is_judged=True)

    assert LARGE.bytes < judged.bytes < replace(judged, is_blended=True).bytes


def test_a_workload_asks_for_the_memory_there_is_before_it_learns() -> None:
    workload = RecommenderWorkload(AlsSettings(factors=8, iterations=2), engine=NumpyEngine(), memory=lambda: MIB)

    with pytest.raises(Refused, match="1 MiB may be used"):
        workload.fit(freeze(two_tastes(), (), SnapshotRules()))


_MEASURED = """
import ctypes, gc, sys
from pathlib import Path
import numpy as np
from tacit.data.catalog import Item
from tacit.data.datasets import Snapshot, SnapshotRules
from tacit.models.recommender.als import AlsSettings
from tacit.models.recommender.engines.choosing import choose_engine
from tacit.models.recommender.training_plan import PlanRules
from tacit.models.recommender.workload import RecommenderWorkload, training_size

users, items, per, factors = map(int, sys.argv[1:5])
rules = PlanRules(True, "auto") if sys.argv[5] == "auto" else PlanRules()

def resident(name):
    return int(next(l for l in Path("/proc/self/status").read_text().splitlines() if l.startswith(name)).split()[1])

def snapshot():
    generator = np.random.default_rng(1)
    met = (items * generator.random((users, per), dtype=np.float32) ** 3).astype(np.int32)
    met.sort(axis=1)
    first = np.ones(met.shape, bool)
    first[:, 1:] = met[:, 1:] != met[:, :-1]
    indptr = np.concatenate(([0], np.cumsum(first.sum(axis=1)))).astype(np.int64)
    rows, held = met[first], generator.random(int(indptr[-1])) < 0.1
    names = tuple(map(str, range(users))), tuple(Item(str(item), str(item)) for item in range(items))
    ones = np.ones(len(rows), np.float32)
    return Snapshot("f", "x", SnapshotRules(), "hash", ("i",), None, *names, users, items, indptr, rows, ones, held)

data = snapshot()
data.training
workload = RecommenderWorkload(AlsSettings(factors=factors, iterations=4), rules=rules, engine=choose_engine("native"))
size = training_size(data, workload.settings.resolved(data.training), rules)
workload.engine.index(np.eye(4, dtype=np.float32)).search(np.ones(4, np.float32), 1)
gc.collect()
ctypes.CDLL("libc.so.6").malloc_trim(0)
Path("/proc/self/clear_refs").write_text("5")
before = resident("VmRSS:")
workload.fit(data)
print(size.bytes, (resident("VmHWM:") - before) * 1024)
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("shape", ["100000 30000 40 128 off", "20000 60000 60 256 off", "100000 30000 40 128 auto"])
def test_the_estimate_is_within_a_quarter_of_what_a_training_really_takes(shape: str) -> None:
    pytest.importorskip("tacit._native", reason="the estimate is of the native engine")
    command = [sys.executable, "-c", textwrap.dedent(_MEASURED), *shape.split()]

    ran = subprocess.run(command, capture_output=True, text=True, check=True)

    estimated, taken = map(int, ran.stdout.split())
    print(f"{shape}: estimated {estimated // MIB} MiB, taken {taken // MIB} MiB")
    assert 0.75 <= estimated / taken <= 1.25
