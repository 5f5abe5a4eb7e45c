"""The champion, and what a rollback returns to, as the append-only ledger tells it (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tacit.errors import BadInput
from tacit.registry.versions import LedgerEntry, Promotion


def champions(promotions: Iterable[Promotion]) -> tuple[int, ...]:
    """The versions a rollback can walk through, oldest first; the last one is the champion.

    A promotion puts its version on top; a rollback takes versions off until its target is on top. A version promoted
    anew moves up instead of standing there twice, so that no series of rollbacks returns to a version it has left.
    """
    stack: list[int] = []
    for promotion in promotions:
        target = promotion.to_number
        if promotion.kind == "promoted":
            stack = [*(number for number in stack if number != target), target]
        else:
            stack = [*stack[: stack.index(target)], target] if target in stack else [target]
    return tuple(stack)


@dataclass(frozen=True)
class Reign:
    """The time for which a version was champion.

    Attributes:
        number: The version.
        entry: The move that made it champion.
        until: When the next move was made; `None` while it is champion.
    """

    number: int
    entry: LedgerEntry
    until: str | None


def reign_at(entries: Sequence[LedgerEntry], moment: datetime) -> Reign | None:
    """The version that was champion at a moment; `None` before the first promotion.

    A move counts from the very time it was made.
    """
    made = [place for place, entry in enumerate(entries) if moment_of(entry.promotion.at) <= moment]
    if not made:
        return None
    entry, later = entries[made[-1]], entries[made[-1] + 1 :]
    return Reign(entry.promotion.to_number, entry, later[0].promotion.at if later else None)


def moment_of(text: str) -> datetime:
    """A time in ISO 8601; without a time zone it is in UTC, and a date alone is its midnight.

    Raises:
        BadInput: `time_invalid`.
    """
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadInput(
            "time_invalid",
            f"{ascii(text)[:64]} is no time in ISO 8601.",
            field="at",
            fix="Write it like 2026-11-01T12:00, in UTC, or with a time zone: 2026-11-01T12:00+01:00.",
        ) from error
