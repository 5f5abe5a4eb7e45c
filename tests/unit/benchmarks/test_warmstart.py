"""The benchmark of warm starts: what it calls newer, and what it answers at a tiny scale."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from benchmarks import warmstart
from benchmarks._warmstart_sides import SHARE, without_the_newest


def test_the_older_snapshot_lacks_a_tenth_and_late_users_and_items_wholly() -> None:
    pairs = sparse.random(400, 300, density=0.1, format="csr", random_state=np.random.default_rng(1))

    old = without_the_newest(pairs, seed=3)

    lost_users = int(np.sum((np.diff(pairs.indptr) > 0) & (np.diff(old.indptr) == 0)))
    assert old.shape == pairs.shape
    assert abs(1 - old.nnz / pairs.nnz - SHARE) < 0.005
    assert 0 < lost_users < 40
    assert ((pairs != 0).astype(int) - (old != 0).astype(int)).min() >= 0


def test_a_tiny_split_is_measured_and_ends_with_its_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(7)
    for name, count in (("train", 12), ("test", 3)):
        lists = [[user, *random.choice(40, count, replace=False)] for user in range(120)]
        (tmp_path / f"{name}.txt").write_text("\n".join(" ".join(map(str, each)) for each in lists))
    words = ["--json", "--data", str(tmp_path), "--pairs", "1", "--factors", "8", "--threads", "1"]

    assert warmstart.main(words) == 0

    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    (pair,) = found["details"]["seeds"][tmp_path.name]
    assert found["name"] == "warmstart"
    assert 0.85 < pair["older"]["share"] < 0.95
    assert len(pair["warm"]["curve"]) == 4
    assert pair["cold"]["cpu_to_line"] > 0
    assert set(found["details"]["checks"]) >= {"the warm start reaches the line on every seed"}
