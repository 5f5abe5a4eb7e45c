"""The two trails, looked at as a whole: whether they are what was written, and what becomes of a user in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tacit.bootstrap.app import App
from tacit.security.audit import AuditRecorder
from tacit.security.audit_chain import AuditLink, entry_json
from tacit.security.chains import TRAILS, ChainedRow, Trail, first_broken_row, heads_in


@dataclass(frozen=True)
class Finding:
    """What came of going through a trail.

    Attributes:
        rows: How many there are.
        first_broken: The first that is not what was written.
        heads: How many heads it was held against.
    """

    trail: Trail
    rows: int
    first_broken: int | None
    heads: int


def verified(app: App, heads: str | None) -> list[Finding]:
    """Go through both trails.

    Args:
        app: The platform.
        heads: What a file of heads holds.

    Raises:
        BadInput: `heads_invalid`.
    """
    noted = heads_in(heads) if heads is not None else ()
    found = []
    for trail in TRAILS:
        own = [each for each in noted if each.trail == trail]
        counted = _Counted(app.accesses.rows() if trail == "accesses" else map(_row, app.audit.links()))
        broken = first_broken_row(counted, own)
        found.append(Finding(trail, counted.count, broken, len(own)))
    return found


def forget(app: App, user_id: str, *, actor: str, reason: str) -> bool:
    """Destroy a user's key, and write that it was done, though not whose it was."""
    with app.transaction():
        if not app.accesses.forget(user_id):
            return False
        AuditRecorder(app.audit).record(
            "subject_forgotten", actor=actor, subject="accesses", at=app.clock(), facts={"reason": reason}
        )
    return True


class _Counted:
    """Rows, counted on their way."""

    def __init__(self, rows: Iterable[ChainedRow]) -> None:
        self._rows, self.count = rows, 0

    def __iter__(self) -> Iterator[ChainedRow]:
        for row in self._rows:
            self.count += 1
            yield row


def _row(link: AuditLink) -> ChainedRow:
    return ChainedRow(link.sequence, entry_json(link.entry), link.digest)
