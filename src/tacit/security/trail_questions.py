"""What somebody who looks through a trail wants to see of it (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from tacit.security.accesses import AccessTrail, Decision, KeptAccess, Kind
from tacit.security.audit_chain import AuditLink, HeadedTrail

Row_co = TypeVar("Row_co", covariant=True)


@dataclass(frozen=True, slots=True)
class ActQuestion:
    """Which entries of the administrative trail; what is `None` is not asked for.

    Attributes:
        action: How the action begins (`model_` finds all that befell versions).
        actor: Who did it, in full.
        subject: How what it was done to begins.
        since: The earliest, in ISO 8601, UTC, as entries have it.
        until: The first that is too late.
    """

    action: str | None = None
    actor: str | None = None
    subject: str | None = None
    since: str | None = None
    until: str | None = None

    def fits(self, link: AuditLink) -> bool:
        """Whether an entry is one of them."""
        entry = link.entry
        return (
            entry.action.startswith(self.action or "")
            and entry.subject.startswith(self.subject or "")
            and self.actor in (None, entry.actor)
            and (self.since is None or entry.at >= self.since)
            and (self.until is None or entry.at < self.until)
        )


@dataclass(frozen=True, slots=True)
class AccessQuestion:
    """Which rows of the trail of accesses; what is `None` is not asked for.

    Attributes:
        kind: What sort of call.
        decision: What became of it.
        principal: Who asked, in full.
        user_id: Of whom; found by their pseudonym, as long as its key was not destroyed.
        since_ms: The earliest, in milliseconds since 1970.
        until_ms: The first that is too late.
    """

    kind: Kind | None = None
    decision: Decision | None = None
    principal: str | None = None
    user_id: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None

    def fits(self, row: KeptAccess) -> bool:
        """Whether a row is one of them, whoever it is about."""
        return (
            self.kind in (None, row.kind)
            and self.decision in (None, row.decision)
            and self.principal in (None, row.principal)
            and (self.since_ms is None or row.at_ms >= self.since_ms)
            and (self.until_ms is None or row.at_ms < self.until_ms)
        )


@dataclass(frozen=True, slots=True)
class TrailPage(Generic[Row_co]):
    """Some rows of a trail, the latest first.

    Attributes:
        rows: They.
        next_before: The place before which the next page begins; `None` on the last.
    """

    rows: Sequence[Row_co]
    next_before: int | None = None


class AskedActs(HeadedTrail, Protocol):
    """The administrative trail, for whoever looks for something in it."""

    def page(self, question: ActQuestion, *, before: int | None, limit: int) -> TrailPage[AuditLink]:
        """The latest that fit, of those before a place if one is given."""
        ...


class AskedAccesses(AccessTrail, Protocol):
    """The trail of accesses, likewise."""

    def page(self, question: AccessQuestion, *, before: int | None, limit: int) -> TrailPage[KeptAccess]:
        """The latest that fit, of those before a place if one is given; none of a user nobody has a pseudonym for."""
        ...


def paged(found: Sequence[Row_co], places: Sequence[int], *, limit: int) -> TrailPage[Row_co]:
    """A page of rows of which one more than its length was looked for.

    Args:
        found: At most `limit + 1`, the latest first.
        places: Where each stands in the trail.
        limit: How long a page is.
    """
    is_last = len(found) <= limit
    return TrailPage(tuple(found[:limit]), None if is_last else places[limit - 1])
