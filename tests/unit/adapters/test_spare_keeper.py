"""There is a spare one, but none that is of no use, and none is started all the time."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tacit.adapters import spare_process
from tacit.adapters.spare_keeper import LOADING_SECONDS, SILENT_SECONDS, SpareKeeper
from tacit.adapters.spare_process import SpareProcess
from tacit.adapters.worker_process import started
from tacit.serving.restarts import RestartRules
from tests.stages import wait_until
from tests.supervised import CHILD


@dataclass
class Spares:
    """Processes that do nothing, and the other ends of the lines to them."""

    ends: list[socket.socket] = field(default_factory=list)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, now: float) -> SpareProcess:
        ours, theirs = socket.socketpair()
        self.ends.append(theirs)
        self.processes.append(subprocess.Popen(["sleep", "60"]))
        return SpareProcess(self.processes[-1], ours, now=now)

    def die(self) -> None:
        self.processes[-1].kill()
        self.processes[-1].wait()

    def say(self, keeper: SpareKeeper, now: float, said: str = "prepared") -> None:
        self.ends[-1].sendall(b'{"said":"%s"}\n' % said.encode())
        [spare] = keeper.lines().values()
        spare.hear(now)


@pytest.fixture
def spares() -> Iterator[Spares]:
    made = Spares()
    yield made
    for end, process in zip(made.ends, made.processes, strict=True):
        end.close()
        process.kill()
        process.wait()


def test_a_spare_that_dies_is_replaced_at_once_and_those_that_never_load_less_and_less_often(spares: Spares) -> None:
    keeper, now = SpareKeeper(spares.start, RestartRules(limit=3, window_seconds=600)), 100.0
    keeper.keep(now)
    spares.say(keeper, now)
    spares.die()
    keeper.keep(now)
    assert len(spares.processes) == 2
    for pause in (0.0, 1.0, 597.0):  # the fourth is failing: not before the first of the last three is forgotten
        before = len(spares.processes)
        spares.die()
        now += 1.0
        keeper.keep(now)
        keeper.keep(now + pause - 0.1)
        assert len(spares.processes) == before + (pause == 0.0)
        now += pause
        keeper.keep(now)
        assert len(spares.processes) == before + 1
    keeper.end()


def test_a_spare_that_was_not_heard_of_is_killed_and_nobody_is_a_copy_of_it(spares: Spares) -> None:
    keeper = SpareKeeper(spares.start, RestartRules())
    keeper.keep(0.0)
    spares.say(keeper, 1.0)
    assert keeper.prepared()
    silent = 1.0 + SILENT_SECONDS + 0.1

    assert keeper.copied(1, silent) is None
    keeper.keep(silent)

    assert not keeper.prepared()
    assert spares.processes[0].returncode == -9
    # Whoever is to be a copy waits for one that loads, and says so; not for one that is silent, nor for ever.
    again = silent
    assert keeper.is_loading(again + 1)
    assert not keeper.is_loading(again + SILENT_SECONDS)
    for second in range(int(LOADING_SECONDS)):
        spares.say(keeper, again + second, "beat")
        assert keeper.is_loading(again + second)
    assert not keeper.is_loading(again + LOADING_SECONDS)
    keeper.end()


def test_a_spare_that_makes_no_copy_in_time_is_given_up(spares: Spares, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spare_process, "ANSWER_SECONDS", 0.1)
    keeper = SpareKeeper(spares.start, RestartRules())
    keeper.keep(0.0)
    spares.say(keeper, 0.5)

    assert keeper.copied(1, 1.0) is None

    assert spares.processes[0].returncode == -9
    # It was handed the line of a copy, and whoever reads that finds that nobody waits for one.
    _, handed, _, _ = socket.recv_fds(spares.ends[0], 4_096, 1)
    with socket.socket(fileno=handed[0]) as line:
        assert line.recv(1) == b""
    keeper.end()


def test_a_copy_that_was_given_up_ends_before_it_takes_a_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spare_process, "ANSWER_SECONDS", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = (sys.executable, str(CHILD), str(tmp_path))
        spare = SpareProcess(*started({"number": None}, os.environ, listener=listener, command=command), now=0.0)
        with pytest.raises(OSError, match="no copy"):
            spare.copied(1, 0.0)
        wait_until(lambda: children_of(spare.pid) != [])
        [copy] = children_of(spare.pid)
        monkeypatch.setattr(spare_process, "ANSWER_SECONDS", 5.0)
        spare.is_mute = False

        # One that goes on ends with 3, as any worker that finds itself alone.
        assert spare.code_of(copy) == 0
        spare.kill()
        spare.close()


def children_of(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
