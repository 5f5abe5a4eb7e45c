"""Blocks, and the trail of accesses, in process: for tests and trials."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator, Sequence

from tacit.security.accesses import Access, KeptAccess, pseudonym
from tacit.security.audit_chain import ORIGIN
from tacit.security.blocks import Block, Guarding
from tacit.security.chains import ChainedRow, Head, chain_digest
from tacit.security.trail_questions import AccessQuestion, TrailPage, paged


class MemoryGuardStore:
    """A `GuardStore` that keeps what it is told."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks: dict[str, Block] = {}
        self._revision = 0
        self._is_strict = False

    def revision(self) -> int:
        return self._revision

    def guarding(self, now_ms: int) -> Guarding:
        return Guarding(self._revision, self._is_strict, tuple(self.blocks(limit=10_000, holding_at_ms=now_ms)))

    def set_strict(self, is_strict: bool) -> bool:
        with self._lock:
            is_changed = self._is_strict != is_strict
            self._is_strict = is_strict
            self._revision += is_changed
        return is_changed

    def add(self, block: Block) -> None:
        self.change(block)

    def change(self, block: Block) -> None:
        with self._lock:
            self._blocks[block.block_id] = block
            self._revision += 1

    def block(self, block_id: str) -> Block | None:
        return self._blocks.get(block_id)

    def blocks(self, *, limit: int, holding_at_ms: int | None = None) -> Sequence[Block]:
        found = sorted(self._blocks.values(), key=lambda block: (-block.at_ms, block.block_id))
        return [each for each in found if holding_at_ms is None or each.holds_at(holding_at_ms)][:limit]

    def count_since(self, caller: str, at_ms: int) -> int:
        return sum(
            each.caller == caller and each.at_ms >= at_ms and each.source == "automatic"
            for each in self._blocks.values()
        )


class MemoryAccessTrail:
    """An `AccessTrail` that keeps what it is told."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: list[KeptAccess] = []
        self._keys: dict[str, bytes] = {}

    def append(self, accesses: Sequence[Access]) -> None:
        with self._lock:
            before = len(self._rows)
            try:
                for access in accesses:
                    self._rows.append(self._kept(access))
            except ValueError:
                del self._rows[before:]
                raise

    def latest(self, *, limit: int, user_id: str | None = None, principal: str | None = None) -> Sequence[KeptAccess]:
        if user_id is not None and user_id not in self._keys:
            return []
        subject = None if user_id is None else pseudonym(self._keys[user_id], user_id)
        found = (row for row in reversed(self._rows) if subject is None or row.subject == subject)
        return [row for row in found if principal is None or row.principal == principal][:limit]

    def page(self, question: AccessQuestion, *, before: int | None, limit: int) -> TrailPage[KeptAccess]:
        """The latest rows that fit, of those before a place if one is given."""
        of_whom = self.latest(limit=len(self._rows), user_id=question.user_id)
        fitting = (each for each in of_whom if question.fits(each) and (before is None or each.sequence < before))
        found = list(fitting)[: limit + 1]
        return paged(found, [each.sequence for each in found], limit=limit)

    def rows(self) -> Iterator[ChainedRow]:
        """The whole trail, oldest first."""
        return (each.row() for each in list(self._rows))

    def head(self, at: str) -> Head:
        last = self._rows[-1] if self._rows else None
        return Head("accesses", 0, ORIGIN, at) if last is None else Head("accesses", last.sequence, last.digest, at)

    def forget(self, user_id: str) -> bool:
        with self._lock:
            return self._keys.pop(user_id, None) is not None

    def _kept(self, access: Access) -> KeptAccess:
        key = b"" if access.user_id is None else self._keys.setdefault(access.user_id, secrets.token_bytes(32))
        subject = "" if access.user_id is None else pseudonym(key, access.user_id)
        before = self._rows[-1].digest if self._rows else ORIGIN
        said = {name: getattr(access, name) for name in Access.__dataclass_fields__ if name != "user_id"}
        row = KeptAccess(sequence=len(self._rows) + 1, subject=subject, digest="", **said)
        return KeptAccess(sequence=row.sequence, subject=subject, digest=chain_digest(before, row.canonical()), **said)
