"""The benchmark of quality: which splits it finds, what it checks, and that a small one goes through."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.quality import checks, default_ratio, distance, found_splits

ROOT = Path(__file__).parents[3]


def write_split(folder: Path, *, users: int = 120, items: int = 50, packed: bool = False) -> Path:
    """Everybody meets items near their place on a circle; the last three of twelve are the test part."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(3)
    met = [
        generator.choice((user * items // users + np.arange(-8, 9)) % items, 12, replace=False) for user in range(users)
    ]
    for name, part in (("train.txt", slice(0, 9)), ("test.txt", slice(9, 12))):
        text = "".join(" ".join(map(str, [user, *listed[part]])) + "\n" for user, listed in enumerate(met))
        (folder / (f"{name}.gz" if packed else name)).write_bytes(
            gzip.compress(text.encode()) if packed else text.encode()
        )
    return folder


def sides(*, recall: float, ndcg: float, default: float = 1.0) -> dict[str, Any]:
    """What the sides of one split found; the default as a part of the search."""
    return {
        "search": {"recall@20": recall, "ndcg@20": ndcg},
        "default": {"recall@20": recall * default, "ndcg@20": ndcg * default},
        "popularity": {"recall@20": 0.05, "ndcg@20": 0.04},
    }


def test_a_split_is_found_packed_or_not_alone_or_among_others(tmp_path: Path) -> None:
    plain, packed = write_split(tmp_path / "plain"), write_split(tmp_path / "packed", packed=True)
    (tmp_path / "something else").mkdir()

    assert found_splits(plain) == [plain]
    assert found_splits(tmp_path) == [packed, plain]


def test_a_folder_without_a_split_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=str(tmp_path)):
        found_splits(tmp_path)


def test_everything_holds_where_the_published_row_is_beaten_and_the_default_is_near() -> None:
    kept = checks("amazon-cds", sides(recall=0.18, ndcg=0.12, default=0.99))

    assert len(kept) == 6
    assert all(kept.values())


@pytest.mark.parametrize(
    ("split", "found", "broken"),
    [
        ("amazon-cds", sides(recall=0.16, ndcg=0.12), "recall@20 >= UltraGCN's 0.1622"),
        ("amazon-cds", sides(recall=0.18, ndcg=0.10), "ndcg@20 >= UltraGCN's 0.1043"),
        ("another", sides(recall=0.18, ndcg=0.03), "ndcg@20 above popularity"),
        ("another", sides(recall=0.18, ndcg=0.12, default=0.97), "default's recall@20 >= 0.98 of the search's"),
    ],
)
def test_a_check_that_does_not_hold_is_told_by_its_name(split: str, found: dict[str, Any], broken: str) -> None:
    kept = checks(split, found)

    assert kept[f"{split}: {broken}"] is False


def test_what_is_open_is_no_check_but_a_distance() -> None:
    found = sides(recall=0.19, ndcg=0.155)

    assert all(checks("gowalla", found).values())
    assert distance("gowalla", found["search"]) == pytest.approx({"recall@20": 0.0038, "ndcg@20": -0.003})
    assert distance("another", found["search"]) is None


def test_the_default_is_held_against_the_search() -> None:
    assert default_ratio(sides(recall=0.2, ndcg=0.1, default=0.95)) == pytest.approx(
        {"recall@20": 0.95, "ndcg@20": 0.95}
    )


@pytest.mark.timeout(300)  # three processes, each of which imports everything
@pytest.mark.slow
def test_a_small_split_goes_through_to_one_line_of_json(tmp_path: Path) -> None:
    split = write_split(tmp_path / "small")
    command = [sys.executable, "-m", "benchmarks", "quality", "--json", "--data", split, "--trials", "3", "--no-peer"]

    ran = subprocess.run(
        [*command, "--threads", "1"],
        cwd=ROOT,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    report = json.loads(ran.stdout.splitlines()[-1])
    found = report["details"]["splits"]["small"]
    assert report["name"] == "quality"
    assert report["figure"] == found["search"]["recall@20"] > 2 * found["popularity"]["recall@20"]
    assert found["item_knn"]["recall@20"] > found["popularity"]["recall@20"]
    assert found["search"]["trials"] <= 3
    assert set(found["cpu_seconds"]) == {"search", "default", "baselines"}
