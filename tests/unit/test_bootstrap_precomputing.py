"""The job that makes everybody's list, from the order to the server that has it at hand."""

from __future__ import annotations

from pathlib import Path

from tacit.bootstrap import build, load_settings
from tacit.bootstrap.precomputing import having_precomputed, precompute, precomputed_folder
from tacit.jobs.kinds import checked
from tacit.serving.model_pool import ModelPool
from tests.stages import stage, wait_until


def test_the_job_writes_the_champions_lists_and_a_server_has_them_at_hand_soon(tmp_path: Path) -> None:
    with stage(tmp_path) as made:
        made.release()
    with build(load_settings(flags={"home": tmp_path, "als.engine": "numpy"}, environ={})) as app:
        told: list[float] = []
        outcome = precompute(app, count=7, progress=lambda _, share: told.append(share))
        pool = ModelPool(app.registry, app.versions, app.workload.load, metrics=made.metrics)
        pool.refresh()
        loaded = pool.current()
        with having_precomputed(app, pool) as shelf:
            wait_until(lambda: shelf.lists(loaded) is not None)
            lists = shelf.lists(loaded)
        newest = precomputed_folder(app).newest(loaded.version.manifest_digest)

    assert outcome == {"version": "recommender/1", "users": 40, "count": 7, "removed": 0}
    assert told[-1] == 1
    assert newest is not None
    assert lists is not None
    assert lists.items.shape == (40, 7)


def test_without_a_champion_nothing_is_made_and_nothing_fails(tmp_path: Path) -> None:
    with build(load_settings(flags={"home": tmp_path, "als.engine": "numpy"}, environ={})) as app:
        assert precompute(app) == {"version": None, "users": 0}
    assert not (tmp_path / "precomputed").exists()
    assert checked("precompute", {"version": 3, "count": 50}) == {"version": 3, "count": 50}
