"""The champion, and what a rollback returns to, as the append-only ledger tells it (pure)."""

from __future__ import annotations

from collections.abc import Iterable

from tacit.registry.versions import Promotion


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
