"""Books of jobs for tests: over any store, at a time that the test tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tacit.adapters.memory import MemoryAuditTrail
from tacit.adapters.memory_jobs import MemoryJobLogs, MemoryJobStore
from tacit.jobs.book import JobBook
from tacit.jobs.interfaces import JobLogs, JobStore
from tacit.jobs.job import Job, Kind, Order, Why
from tacit.jobs.retries import RetryRules
from tacit.security.audit import AuditRecorder

START_MS = 1_767_355_200_000
"""Friday, 2 January 2026, 12:00 UTC: far beyond 32 bits."""


@dataclass
class Clock:
    """Stands until it is told to go on."""

    at_ms: int = START_MS

    def __call__(self) -> int:
        return self.at_ms

    def pass_by(self, *, seconds: float = 0.0, days: float = 0.0) -> None:
        self.at_ms += int((seconds + days * 86_400) * 1_000)


@dataclass
class Desk:
    """A book with what it is made of."""

    clock: Clock = field(default_factory=Clock)
    store: JobStore = field(default_factory=MemoryJobStore)
    logs: JobLogs = field(default_factory=MemoryJobLogs)
    audit: MemoryAuditTrail = field(default_factory=MemoryAuditTrail)
    retries: RetryRules = field(default_factory=lambda: RetryRules(jitter=0.0))

    @property
    def book(self) -> JobBook:
        trail = AuditRecorder(self.audit)
        return JobBook(self.store, self.logs, trail, self.clock, self.retries, chance=lambda: 0.0)

    def told(self) -> list[str]:
        """What the trail heard, oldest first."""
        return [entry.action for entry in reversed(self.audit.entries(limit=1_000))]


def order(kind: Kind = "train", why: Why = "person", **parameters: Any) -> Order:
    return Order(kind, parameters, why, "ann")


def job(name: str = "j1", *, kind: Kind = "train", parameters: Mapping[str, object] | None = None, **facts: Any) -> Job:
    about = {"state": "queued", "queued_at_ms": START_MS, "start_after_ms": START_MS, **facts}
    return Job(name, Order(kind, parameters or {}, "person", "ann"), **about)
