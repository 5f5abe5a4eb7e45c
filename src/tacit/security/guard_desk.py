"""What people do about who is kept out and how strictly: each act with its reason, in the trail."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace

from tacit.errors import BadInput, NotFound
from tacit.security.audit import AuditRecorder
from tacit.security.blocks import MAX_SECONDS, Block, Decision, GuardStore, checked_caller, checked_reason, seconds_of

RULE = "rule"
"""Who makes a block that nobody asked for."""
_DAY_MS = 86_400_000


@dataclass(frozen=True)
class BlockLengths:
    """How long a rule's blocks hold: the first, and none longer than the longest."""

    first: float = 60.0
    longest: float = 86_400.0


@dataclass(frozen=True)
class GuardDesk:
    """Blocks, their appeals and reviews, and the switch of strict mode.

    Attributes:
        transaction: Makes an act and its entry in the trail appear together.
    """

    store: GuardStore
    audit: AuditRecorder
    clock: Callable[[], str]
    clock_ms: Callable[[], int]
    transaction: Callable[[], AbstractContextManager[None]]
    lengths: BlockLengths = BlockLengths()

    def block(self, caller: str, *, seconds: float, reason: str, actor: str) -> Block:
        """Keep somebody out.

        Raises:
            BadInput: `caller_invalid`, `field_missing`, `text_invalid`, `seconds_invalid`.
        """
        if not 1 <= seconds <= MAX_SECONDS:
            raise BadInput(
                "seconds_invalid", "seconds is out of range.", field="seconds", fix=f"Give 1 to {MAX_SECONDS:,}."
            )
        now = self.clock_ms()
        until = now + int(seconds * 1_000)
        made = Block(_new_id(), checked_caller(caller), checked_reason(reason), "manual", actor, now, until)
        with self.transaction():
            self.store.add(made)
            self._record("caller_blocked", made, actor=actor, facts={"reason": made.reason, "until_ms": until})
        return made

    def block_by_rule(self, caller: str, reason: str) -> Block:
        """Keep somebody out because of what they did; for longer each time within a day."""
        now = self.clock_ms()
        level = self.store.count_since(caller, now - _DAY_MS) + 1
        seconds = seconds_of(level, first=self.lengths.first, longest=self.lengths.longest)
        until = now + int(seconds * 1_000)
        made = Block(_new_id(), caller, reason, "automatic", RULE, now, until, level)
        with self.transaction():
            self.store.add(made)
            facts = {"reason": reason, "until_ms": until, "level": level}
            self._record("caller_blocked", made, actor=RULE, facts=facts)
        return made

    def lift(self, block_id: str, *, actor: str, reason: str) -> Block:
        """Let somebody in again.

        Raises:
            NotFound: `block_unknown`.
        """
        return self.review(block_id, decision="lifted", finding=reason, actor=actor)

    def appeal(self, block_id: str, text: str, *, actor: str) -> Block:
        """Note what somebody says against a block, for a person to look at.

        Raises:
            NotFound: `block_unknown`.
        """
        with self.transaction():
            # Read within it, so that what somebody else makes of the block meanwhile is not written over.
            changed = replace(self.block_of(block_id), appeal=checked_reason(text, "appeal"))
            self.store.change(changed)
            self._record("block_appealed", changed, actor=actor, facts={"appeal": changed.appeal})
        return changed

    def review(self, block_id: str, *, decision: Decision, finding: str, actor: str) -> Block:
        """Say what came of looking at a block again.

        Raises:
            NotFound: `block_unknown`.
        """
        with self.transaction():
            found = self.block_of(block_id)  # within it, as in an appeal
            lifted = self.clock_ms() if decision == "lifted" and found.lifted_at_ms is None else found.lifted_at_ms
            changed = replace(found, review=checked_reason(finding), reviewed_by=actor, lifted_at_ms=lifted)
            self.store.change(changed)
            self._record(
                "block_reviewed", changed, actor=actor, facts={"decision": decision, "finding": changed.review}
            )
        return changed

    def be_strict(self, is_strict: bool, *, actor: str, reason: str) -> bool:
        """Switch strict mode for every process; `False` if it was so already."""
        reason = checked_reason(reason)
        with self.transaction():
            is_changed = self.store.set_strict(is_strict)
            if is_changed:
                action = "limits_made_strict" if is_strict else "limits_made_usual"
                self._note(action, actor=actor, subject="limits", facts={"reason": reason})
        return is_changed

    def blocks(self, *, limit: int = 100, holding: bool = True) -> Sequence[Block]:
        """The latest, newest first; all of them, or those that hold."""
        return self.store.blocks(limit=limit, holding_at_ms=self.clock_ms() if holding else None)

    def is_strict(self) -> bool:
        """Whether strict mode is on."""
        return self.store.guarding(self.clock_ms()).is_strict

    def block_of(self, block_id: str) -> Block:
        """A block by its id.

        Raises:
            NotFound: `block_unknown`.
        """
        found = self.store.block(block_id)
        if found is None:
            raise NotFound("block_unknown", "There is no such block.", field="block_id", fix="See `tacit blocks list`.")
        return found

    def note_abuse(self, pattern: str, caller: str) -> None:
        """Write into the trail what somebody's requests look like."""
        self._note("abuse_suspected", actor=RULE, subject=f"caller/{caller}", facts={"pattern": pattern})

    def _record(self, action: str, block: Block, *, actor: str, facts: Mapping[str, object]) -> None:
        self._note(action, actor=actor, subject=f"caller/{block.caller}", facts={"block_id": block.block_id, **facts})

    def _note(self, action: str, *, actor: str, subject: str, facts: Mapping[str, object]) -> None:
        self.audit.record(action, actor=actor, subject=subject, at=self.clock(), facts=facts)


def described(block: Block, now_ms: int) -> dict[str, object]:
    """A block as every door shows it."""
    return {**asdict(block), "holds": block.holds_at(now_ms)}


def _new_id() -> str:
    return uuid.uuid4().hex[:12]
