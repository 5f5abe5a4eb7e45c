"""The process is killed at any moment, under load: what was acknowledged is there afterwards, in its place, once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest

from tacit.adapters.event_log import SqliteEventLog
from tests.conservation import unaccounted
from tests.faults.event_log_child import KILLED, POINTS, event_of

ROOT = Path(__file__).parents[2]
RESTART_SECONDS = 5.0


@dataclass
class Victim:
    """One folder, and every acknowledgement that a process over it gave before it died.

    Attributes:
        follows: Where the process applies the log to while it appends; `-` for nowhere.
    """

    folder: Path
    follows: str = "-"
    acknowledged: dict[str, int] = field(default_factory=dict)
    runs: int = 0
    _place: int = 0
    _acknowledged_before: int = 0

    def run(self, *, crash_at: str = "-", kill_after_s: float | None = None) -> int:
        """Let a process append until it dies; its return code."""
        self.runs += 1
        child = started(self.folder, run=f"run{self.runs}", crash_at=crash_at, follows=self.follows)
        assert child.stdout is not None
        said = [child.stdout.readline()]
        if kill_after_s is not None:
            time.sleep(kill_after_s)
            child.send_signal(signal.SIGKILL)
        said += child.stdout.readlines()
        child.stdout.close()
        for line in said:
            if line.startswith("ack ") and line.endswith("\n"):
                _, event_id, place, _ = line.split()
                assert self.acknowledged.setdefault(event_id, int(place)) == int(place)
        return child.wait(30)

    def check(self) -> None:
        """Open the log as whoever restarts does, and compare all of it with what was acknowledged."""
        self._compare(after=0, acknowledged=self.acknowledged, is_last=True)

    def check_new(self) -> None:
        """The same of what came since this was last asked, so that many kills do not read everything many times.

        What was there once and is lost or doubled afterwards, `check` finds at the end.
        """
        fresh = dict(islice(self.acknowledged.items(), self._acknowledged_before, None))
        self._place = self._compare(after=self._place, acknowledged=fresh, is_last=False)
        self._acknowledged_before = len(self.acknowledged)

    def _compare(self, *, after: int, acknowledged: Mapping[str, int], is_last: bool) -> int:
        began = time.monotonic()
        log = SqliteEventLog(self.folder, clock=lambda: datetime.now(UTC))
        took = time.monotonic() - began
        kept, last = log.read(after, limit=1_000_000), log.last_sequence
        missed = unaccounted(log) if is_last else []
        log.close()
        places = {logged.event.event_id: logged.sequence for logged in kept}

        assert took <= RESTART_SECONDS
        assert missed == []
        assert {key: place for key, place in acknowledged.items() if places.get(key) != place} == {}
        assert [logged.sequence for logged in kept] == list(range(after + 1, last + 1))
        assert len(places) == len(kept)
        assert [logged for logged in kept if logged.event != event_of(logged.event.event_id)] == []
        return last


def started(folder: Path, *, run: str, crash_at: str = "-", follows: str = "-") -> subprocess.Popen[str]:
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.Popen(
        [sys.executable, "-m", "tests.faults.event_log_child", str(folder), run, crash_at, follows],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
    )


def kill_again_and_again(folder: Path, *, times: int, seed: int) -> Victim:
    rng = random.Random(seed)
    victim = Victim(folder)
    for _ in range(times):
        assert victim.run(kill_after_s=rng.random() ** 2 * 0.3) == -signal.SIGKILL
        victim.check_new()
    victim.check()
    print(f"seed {seed}: {times} kills, {len(victim.acknowledged)} events acknowledged, none lost, none twice")
    return victim


def test_killing_the_process_at_random_loses_nothing_acknowledged(tmp_path: Path) -> None:
    victim = kill_again_and_again(tmp_path, times=4, seed=random.randrange(10**9))

    assert len(victim.acknowledged) > 100


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_killing_the_process_two_hundred_times_loses_nothing_acknowledged(tmp_path: Path) -> None:
    victim = kill_again_and_again(tmp_path, times=200, seed=random.randrange(10**9))

    assert len(victim.acknowledged) > 10_000


@pytest.mark.parametrize("point", POINTS)
def test_a_crash_at_a_named_point_loses_nothing_acknowledged(tmp_path: Path, point: str) -> None:
    victim = Victim(tmp_path)
    for occurrence in (1, 3):
        assert victim.run(crash_at=f"{point}:{occurrence}") == KILLED
        victim.check()


def said_by(child: subprocess.Popen[str]) -> Sequence[str]:
    output, _ = child.communicate(timeout=30)
    return output.splitlines()


def test_a_second_process_is_refused_and_touches_no_file(tmp_path: Path) -> None:
    log = SqliteEventLog(tmp_path, clock=lambda: datetime.now(UTC))
    log.append([event_of("a")])
    while (tmp_path / "events.db-wal").stat().st_size:  # idle, it moves its WAL
        time.sleep(0.1)
    before = {each.name: (each.stat().st_mtime_ns, each.stat().st_size) for each in tmp_path.iterdir()}

    second = started(tmp_path, run="second")

    assert said_by(second) == ["error home_in_use"]
    assert second.returncode == 1
    assert {each.name: (each.stat().st_mtime_ns, each.stat().st_size) for each in tmp_path.iterdir()} == before
    log.close()
