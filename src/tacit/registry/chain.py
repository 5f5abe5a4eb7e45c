"""The chain that makes an edited, removed, reordered or cut-off entry of the ledger show (pure)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from tacit.registry.manifests import canonical_json
from tacit.registry.versions import Evidence, LedgerEntry, Promotion

ORIGIN = "0" * 64
"""What the first entry of a ledger chains to."""


@dataclass(frozen=True)
class Witness:
    """What somebody else noted of a move when it was made: the audit trail.

    Attributes:
        move: The move, as far as the trail knows it: kind, versions, actor and time.
        digest: The digest of the ledger's entry; `None` where it was not noted.
    """

    move: tuple[object, ...]
    digest: str | None


@dataclass(frozen=True)
class LedgerBreak:
    """Where a ledger is not what was written.

    Attributes:
        sequence: The first entry that is not.
        problem: What is wrong with it, for a person.
    """

    sequence: int
    problem: str


def sealed(promotion: Promotion, evidence: Evidence | None, previous: LedgerEntry | None) -> LedgerEntry:
    """A move as the next entry of its model's ledger."""
    before = ORIGIN if previous is None else previous.digest
    sequence = 1 if previous is None else previous.sequence + 1
    said = {**asdict(promotion), "sequence": sequence, "evidence": None if evidence is None else asdict(evidence)}
    digest = hashlib.sha256(before.encode() + canonical_json(said)).hexdigest()
    return LedgerEntry(sequence, promotion, evidence, digest)


def first_broken(entries: Sequence[LedgerEntry], witnesses: Sequence[Witness] | None = None) -> LedgerBreak | None:
    """The first entry that is not what was written; `None` if the ledger is whole.

    The chain alone shows an entry that was edited, removed from the middle or moved.  Whoever can recompute a chain
    can also rewrite it or cut it off: that shows in the witnesses, unless they were rewritten as well.

    Args:
        entries: A model's ledger, oldest first.
        witnesses: What the audit trail noted of the same moves, oldest first; `None` if there is no trail to ask.
    """
    previous: LedgerEntry | None = None
    for place, entry in enumerate(entries, start=1):
        problem = _problem(entry, previous, place)
        if problem is None and witnesses is not None:
            problem = _contradiction(entry, witnesses[place - 1] if place <= len(witnesses) else None)
        if problem is not None:
            return LedgerBreak(place, problem)
        previous = entry
    if witnesses is not None and len(witnesses) > len(entries):
        return LedgerBreak(len(entries) + 1, "it is in the audit trail, and cut off from the ledger")
    return None


def _problem(entry: LedgerEntry, previous: LedgerEntry | None, place: int) -> str | None:
    """What is wrong with an entry by itself and by the one before it."""
    if entry.sequence != place:
        return f"it is missing; entry {entry.sequence} stands in its place"
    if entry.digest == "":
        return "its digest is missing"
    if entry.evidence is None and previous is not None and previous.evidence is not None:
        return "it names no evidence, though the entry before it does"
    if entry.digest != sealed(entry.promotion, entry.evidence, previous).digest:
        return "its digest is not that of what it says: it was edited, or an entry before it removed"
    return None


def _contradiction(entry: LedgerEntry, witness: Witness | None) -> str | None:
    """What the audit trail says against an entry."""
    if witness is None:
        return "the audit trail knows nothing of it"
    said = entry.promotion
    if witness.move != (said.kind, said.from_number, said.to_number, said.actor, said.at):
        return "the audit trail tells of another move in its place"
    if witness.digest not in (None, entry.digest):
        return "its digest is not the one that the audit trail noted: the ledger was rewritten"
    return None
