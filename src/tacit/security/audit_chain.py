"""The chain that makes an edited, removed or reordered audit entry show (pure)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from tacit.security.audit import AuditEntry, AuditTrail

ORIGIN = "0" * 64
"""What the first link chains to."""


@dataclass(frozen=True)
class AuditLink:
    """One entry in its place.

    Attributes:
        sequence: Place in the trail, from 1, without gaps.
        digest: `SHA-256(previous digest ‖ canonical entry)` in lower-case hex.
    """

    sequence: int
    entry: AuditEntry
    digest: str


class ChainedTrail(AuditTrail, Protocol):
    """A trail that can be gone through link by link."""

    def links(self) -> Sequence[AuditLink]:
        """The whole trail, oldest first, for `first_broken` to go through."""
        ...


class HeadedTrail(ChainedTrail, Protocol):
    """One whose end can be noted elsewhere."""

    def newest(self) -> AuditLink | None:
        """Its last link; `None` while it is empty."""
        ...


def facts_json(entry: AuditEntry) -> str:
    """The entry's facts in canonical JSON.

    Raises:
        TypeError: A fact is not a JSON value.
        ValueError: A fact is NaN or infinite.
    """
    return _canonical(dict(entry.facts))


def linked(entry: AuditEntry, previous: AuditLink | None) -> AuditLink:
    """The entry as the next link of the chain."""
    before = ORIGIN if previous is None else previous.digest
    return AuditLink(
        sequence=1 if previous is None else previous.sequence + 1,
        entry=entry,
        digest=hashlib.sha256((before + entry_json(entry)).encode()).hexdigest(),
    )


def entry_json(entry: AuditEntry) -> str:
    """All that an entry says, in canonical JSON."""
    return _canonical({**asdict(entry), "facts": json.loads(facts_json(entry))})


def first_broken(links: Iterable[AuditLink], *, head: AuditLink | None = None) -> int | None:
    """The first place where the trail is not what was written; `None` if it is whole.

    A trail that was cut short is whole in itself: only a `head` kept elsewhere shows the cut.

    Args:
        links: The trail, oldest first.
        head: A link of this trail that was noted earlier, outside the trail's own storage.
    """
    previous: AuditLink | None = None
    for link in links:
        expected = linked(link.entry, previous)
        noted = head.digest if head is not None and head.sequence == expected.sequence else expected.digest
        if link.sequence != expected.sequence or not link.digest == expected.digest == noted:
            return expected.sequence
        previous = link
    length = 0 if previous is None else previous.sequence
    return length + 1 if head is not None and head.sequence > length else None


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
