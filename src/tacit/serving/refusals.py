"""What the serving room refuses, in words that say what to ask instead."""

from __future__ import annotations

from tacit.errors import BadInput, NotFound


def user_unknown() -> NotFound:
    return NotFound(
        "user_unknown",
        "Nobody by this id is known: no history, no event, no choice.",
        field="user_id",
        fix="POST /api/v1/recommendations answers from a list of liked items, GET /api/v1/popular without any.",
    )


def items_unknown(count: int) -> BadInput:
    return BadInput(
        "items_unknown",
        f"None of the {count} liked items is in the catalogue.",
        field="liked",
        fix="GET /api/v1/items?query=… finds items by the beginning of their title.",
    )


def limit_range(most: int) -> BadInput:
    return BadInput(
        "limit_range",
        f"The limit must be a whole number from 1 to {most}.",
        field="limit",
        fix=f"Ask for 1 to {most}, or leave it out.",
    )
