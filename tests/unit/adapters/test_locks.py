"""The lock on a home: one holder, told by name, and free again however the holder ended."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tacit.adapters.locks import held_lock, holder
from tacit.errors import Unavailable

HOLD = """
import sys, time
from pathlib import Path
from tacit.adapters.locks import held_lock
with held_lock(Path(sys.argv[1]), "serving"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_holder_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with held_lock(path, "serving"), pytest.raises(Unavailable) as caught, held_lock(path, "serving"):
        pass

    assert caught.value.code == "home_in_use"
    assert f"Process {os.getpid()}" in caught.value.detail


def test_a_lock_can_be_had_again_and_again_and_the_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    for _ in range(3):
        with held_lock(path, "serving"):
            pass

    assert path.exists()
    assert holder(path) is None


def test_a_killed_holder_leaves_no_lock_behind(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        held = holder(path)
        process.kill()
    with held_lock(path, "serving"):
        pass

    assert held is not None
    assert held["pid"] == process.pid


def test_nobody_holds_a_lock_that_does_not_exist(tmp_path: Path) -> None:
    assert holder(tmp_path / "none") is None
