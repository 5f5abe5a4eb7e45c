"""What the spare worker loads."""

from __future__ import annotations

from importlib.util import find_spec

from tacit.entrypoints.worker_process import PRELOADED


def test_everything_that_the_spare_worker_is_to_load_is_there() -> None:
    # It passes over what it cannot load, and who moved it would not notice but by the time that workers take.
    assert [name for name in PRELOADED if find_spec(name) is None] == []
