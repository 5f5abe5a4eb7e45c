"""The real write path under load: events into the log, the log into a store, readers of the store, all at once."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tacit.adapters.event_log import SqliteEventLog
from tacit.data.applying import Follower, Tally
from tacit.data.events import Event
from tacit.data.ingestion import Admission, EventStore, Ingestion
from tacit.errors import Unavailable
from tests.ingestions import TYPES
from tests.lateness import Lateness, lateness_measured
from tests.stages import wait_until

MOMENT = 1_767_355_200_000


@dataclass
class WritePath:
    """A log, its follower and the store, with those who send and those who ask."""

    log: SqliteEventLog
    store: EventStore
    follower: Follower
    acknowledged: list[str] = field(default_factory=list)
    calls: list[float] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    over: threading.Event = field(default_factory=threading.Event)
    lateness: Lateness = field(default_factory=Lateness)

    def send(self, name: str) -> None:
        """Send events until it is over; the log acknowledges them."""
        number = 0
        while not self.over.wait(0.005):
            ids = [f"{name}/{number + offset}" for offset in range(5)]
            number += len(ids)
            self.log.append([Event(each, f"user-{name}", "i1", "play", None, MOMENT + number) for each in ids])
            self.acknowledged.extend(ids)
            self.follower.wake()

    def ask(self, name: str) -> None:
        """Ask the store, as requests do, until it is over; how long each call took, and how it ended."""
        while not self.over.wait(0.01):
            began = time.monotonic()
            try:
                self.store.interactions_of(f"user-{name}")
            except Unavailable as error:
                self.refusals[error.code] += 1
            finally:
                self.calls.append(time.monotonic() - began)

    def answers(self) -> bool:
        """Whether the store can be read now."""
        try:
            return self.store.offset >= 0
        except Unavailable:
            return False

    def is_applied(self) -> bool:
        try:
            return self.store.offset == self.log.last_sequence
        except Unavailable:
            return False

    def keeps_acknowledging(self) -> None:
        """Wait until more was acknowledged than is now."""
        before = len(self.acknowledged)
        wait_until(lambda: len(self.acknowledged) > before + 20)

    def check(self, *, seconds: float = 60.0) -> float:
        """Stop the load; what was acknowledged is applied, each once, within so many seconds."""
        self.over.set()
        took = wait_until(self.is_applied, seconds=seconds)
        applied = Counter(each.logged.event.event_id for each in self.store.applied(0, limit=1_000_000))
        counts = self.store.counts()["api"]
        assert set(self.acknowledged) - set(applied) == set(), "acknowledged and lost"
        assert [event_id for event_id, times in applied.items() if times > 1] == []
        assert counts.received == counts.stored + counts.deduplicated + counts.quarantined + counts.rejected
        assert counts.stored == len(applied)
        counted = {user: sum(each.count for each in self.store.interactions_of(user)) for user in self._users()}
        assert sum(counted.values()) == len(applied)
        return took

    def _users(self) -> list[str]:
        return sorted({"user-" + event_id.partition("/")[0] for event_id in self.acknowledged})


@contextmanager
def write_path(folder: Path, store: EventStore, *, senders: int = 2, askers: int = 6) -> Iterator[WritePath]:
    """A write path under load."""
    log = SqliteEventLog(folder, clock=lambda: datetime.now(UTC))
    ingestion = Ingestion(log, store, TYPES, admission=Admission("accept"))
    failures: Counter[str] = Counter()
    follower = Follower(
        ingestion,
        Tally(store),
        batch=500,
        told=lambda _: None,
        failed=lambda error: failures.update([getattr(error, "code", repr(error))]),
    )
    measuring = ExitStack()
    lateness = measuring.enter_context(lateness_measured())
    path = WritePath(log, store, follower, failures=failures, lateness=lateness)
    threads = [threading.Thread(target=path.send, args=(f"s{number}",)) for number in range(senders)]
    threads += [threading.Thread(target=path.ask, args=(f"s{number % senders}",)) for number in range(askers)]
    follower.start()
    for thread in threads:
        thread.start()
    try:
        yield path
    finally:
        path.over.set()
        for thread in threads:
            thread.join(30)
        measuring.close()
        follower.stop()
        log.close()
