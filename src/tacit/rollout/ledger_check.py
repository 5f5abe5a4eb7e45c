"""Is the ledger what was written?  Its own chain answers, and the audit trail, which noted every move too (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from tacit.registry import chain
from tacit.registry.chain import LedgerBreak, Witness
from tacit.registry.versions import LedgerEntry
from tacit.security import audit_chain
from tacit.security.audit import AuditEntry
from tacit.security.audit_chain import AuditLink

MODEL_PROMOTED = "model_promoted"
"""What the trail calls a promotion."""
MODEL_ROLLED_BACK = "model_rolled_back"
"""What it calls a rollback."""


@dataclass(frozen=True)
class LedgerCheck:
    """What looking through a ledger found.

    Attributes:
        name: The model.
        entries: How many moves it holds.
        head: Digest of the last; empty if there is none.  Noted elsewhere, it shows a cut that the trail shared.
        broken: The first entry that is not what was written, if any.
        trail_broken: The first entry of the audit trail that is not, if any: then its word counts for little.
        is_head_known: Whether the head that was noted elsewhere is among the entries; `None` if none was named.
    """

    name: str
    entries: int
    head: str
    broken: LedgerBreak | None
    trail_broken: int | None
    is_head_known: bool | None = None

    @property
    def is_whole(self) -> bool:
        """Whether nothing was found."""
        return self.broken is None and self.trail_broken is None and self.is_head_known is not False

    def as_dict(self) -> dict[str, object]:
        """The outcome as plain values."""
        return {**asdict(self), "whole": self.is_whole}

    def problems(self) -> list[str]:
        """Everything that was found, for a person."""
        found = [] if self.broken is None else [f"entry {self.broken.sequence}: {self.broken.problem}"]
        if self.trail_broken is not None:
            found.append(f"the audit trail itself was changed, from its entry {self.trail_broken} on")
        if self.is_head_known is False:
            found.append("the head that was noted elsewhere is not in the ledger: it was rewritten or cut off")
        return found


def check_ledger(
    name: str, entries: Sequence[LedgerEntry], links: Sequence[AuditLink], *, head: str | None = None
) -> LedgerCheck:
    """Look through a model's ledger.

    Args:
        name: The model.
        entries: Its ledger, oldest first.
        links: The whole audit trail, oldest first.
        head: A digest that somebody noted earlier, outside this installation.
    """
    witnesses = [each for each in (_witness(link.entry, name) for link in links) if each is not None]
    return LedgerCheck(
        name=name,
        entries=len(entries),
        head=entries[-1].digest if entries else "",
        broken=chain.first_broken(entries, witnesses),
        trail_broken=audit_chain.first_broken(links),
        is_head_known=None if head is None else any(entry.digest == head for entry in entries),
    )


def _witness(entry: AuditEntry, name: str) -> Witness | None:
    """What an entry of the trail says of a move of this model's champion, if it speaks of one."""
    model, _, number = entry.subject.rpartition("/")
    if model != name or entry.action not in (MODEL_PROMOTED, MODEL_ROLLED_BACK) or not number.isdecimal():
        return None
    is_promotion = entry.action == MODEL_PROMOTED
    other, digest = entry.facts.get("replaced" if is_promotion else "restored"), entry.facts.get("ledger")
    versions = (other, int(number)) if is_promotion else (int(number), other)
    move = ("promoted" if is_promotion else "rolled_back", *versions, entry.actor, entry.at)
    return Witness(move, digest if isinstance(digest, str) else None)
