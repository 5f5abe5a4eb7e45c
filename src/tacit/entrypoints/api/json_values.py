"""Values of a body taken as one type each; what is of another is told with its place and what to send (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from tacit.entrypoints.api.strict_json import kind_of
from tacit.entrypoints.api.texts import checked_id
from tacit.errors import BadInput


def whole(value: object, name: str) -> int:
    """A whole number."""
    # True is an int to Python, not to JSON.
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type(value, name, "a whole number")
    return value


def decimal(value: object, name: str) -> float:
    """A number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong_type(value, name, "a number")
    return float(value)


def string(value: object, name: str) -> str:
    """A string."""
    if not isinstance(value, str):
        raise wrong_type(value, name, "a string")
    return value


def listed(value: object, name: str, wanted: str) -> Sequence[object]:
    """An array; `wanted` says of what."""
    if not isinstance(value, list):
        raise wrong_type(value, name, wanted)
    return value


def ids(values: Sequence[object], name: str) -> list[str]:
    """Strings that are in order as ids, or as words of the catalogue."""
    return [checked_id(string(each, f"{name}[{at}]"), f"{name}[{at}]") for at, each in enumerate(values)]


def wrong_type(value: object, name: str, wanted: str) -> BadInput:
    """That a value is of another type."""
    return BadInput("type", f"{name} is {kind_of(value)}; it must be {wanted}.", field=name, fix=f"Send {wanted}.")
