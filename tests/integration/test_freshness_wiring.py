"""What lists that follow events are wired with: enough reads at once for all who are answered at once."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from tacit.adapters.memory import MemoryMetricSink
from tacit.bootstrap import build, load_settings
from tacit.bootstrap.freshness import following
from tacit.data.catalog_entries import UserEntry
from tests.stages import NEWCOMER, stage

AT_ONCE = 40
"""Requests that the server's threads answer side by side."""


class Gathering:
    """Entries that nobody is told before all who are answered at once have asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.all_asked = threading.Event()
        self._lock = threading.Lock()

    def users(self, user_ids: Sequence[str]) -> Sequence[UserEntry]:
        with self._lock:
            self.asked += 1
            if self.asked == AT_ONCE:
                self.all_asked.set()
        self.all_asked.wait(10)
        return ()


def test_all_who_are_answered_at_once_can_be_read_at_once(tmp_path: Path) -> None:
    entries = Gathering()
    with stage(tmp_path / "registry") as made, build(load_settings(flags={"home": tmp_path}, environ={})) as app:
        made.release()
        made.pool.refresh()
        loaded = made.pool.current()
        with following(app, made.pool, MemoryMetricSink(), entries=entries) as fresh:
            newcomers = [f"{NEWCOMER}-{number}" for number in range(AT_ONCE)]
            fresh.chose(newcomers)
            askers = [threading.Thread(target=fresh.users.profile, args=(loaded, each)) for each in newcomers]
            for asker in askers:
                asker.start()
            for asker in askers:
                asker.join()

            assert entries.all_asked.wait(5)
