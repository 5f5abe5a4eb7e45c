"""The trail: who did what to the platform, and its interface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class AuditEntry:
    """One administrative act, in the past tense.

    Attributes:
        action: What happened (`model_promoted`, `model_rolled_back`, `model_registered`, `challenger_named`,
            `data_imported`).
        actor: Who did it.
        subject: What it was done to (`recommender/7`).
        at: ISO 8601 time in UTC.
        facts: What else an auditor needs (`forced`, `verdict`, `reason`).
    """

    action: str
    actor: str
    subject: str
    at: str
    facts: Mapping[str, object] = field(default_factory=dict)


class AuditTrail(Protocol):
    """Append-only; entries are never changed or removed."""

    def append(self, entry: AuditEntry) -> None: ...
    def entries(self, *, limit: int = 100) -> Sequence[AuditEntry]:
        """The latest entries, newest first."""
        ...


@dataclass(frozen=True)
class AuditRecorder:
    """Writes to the trail for rooms that do not know it."""

    trail: AuditTrail

    def record(self, action: str, *, actor: str, subject: str, at: str, facts: Mapping[str, object]) -> None:
        self.trail.append(AuditEntry(action=action, actor=actor, subject=subject, at=at, facts=facts))
