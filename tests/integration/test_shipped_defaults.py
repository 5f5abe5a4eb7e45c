"""What an operator's first training is worth on real data, with nothing tuned."""

from __future__ import annotations

from pathlib import Path

import pytest

from tacit.bootstrap import build, load_settings


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        pytest.param("hetrec2011-lastfm-2k", 2.8, marks=pytest.mark.slow),
        pytest.param("coco-courses", 2.8, marks=pytest.mark.slow),
        pytest.param("ml-latest-small", 1.4, marks=pytest.mark.slow),
    ],
)
def test_the_shipped_defaults_beat_popularity_by_far(
    shared_data: Path, tmp_path: Path, name: str, wanted: float
) -> None:
    with build(load_settings(flags={"home": tmp_path / "home"}, environ={})) as app:
        app.import_data("auto", shared_data / name, actor="test")
        candidate = app.train(actor="test").as_dict()

    ratio = candidate["metrics"]["ndcg@10"] / candidate["baselines"]["popularity"]["ndcg@10"]
    assert ratio >= wanted
    assert candidate["gate"]["verdict"] == "pass"
