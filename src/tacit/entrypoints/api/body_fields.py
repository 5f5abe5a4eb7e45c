"""Fields of a body that questions for many share: lists of ids, numbers within bounds, sessions (pure)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from tacit.data.event_fields import sent_moment_ms
from tacit.data.event_rules import MAX_WEIGHT, EventRules
from tacit.entrypoints.api.parameters import MAX_ITEMS, field_unknown, too_many_items
from tacit.entrypoints.api.strict_json import kind_of, parse_object
from tacit.entrypoints.api.texts import are_plain_ids, checked_id
from tacit.errors import BadInput
from tacit.serving.sessions import SessionStep

_STEP_FIELDS = ("item_id", "type", "weight", "occurred_at")
_TIME_WANTED = "Send ISO 8601 with a zone, or whole milliseconds since 1970."


def known_fields(body: bytes, known: Sequence[str], *needed: str) -> Mapping[str, object]:
    """The object in a body, which has no field that nobody reads.

    Raises:
        BadInput: What is wrong with the JSON, `field_unknown`, `field_missing`.
    """
    given = parse_object(body)
    _check_names(given, known)
    for name in needed:
        if name not in given:
            raise BadInput("field_missing", f"{name} is missing.", field=name, fix=f"Send {name}.")
    return given


def ids(value: object, name: str, *, most: int = MAX_ITEMS) -> tuple[str, ...]:
    """Ids, each once, in the order given.

    Raises:
        BadInput: `type`, `too_many_items`, or the code of an id.
    """
    given = _listed(value, name, "an array of strings", most=most)
    if given and are_plain_ids(given):
        return tuple(dict.fromkeys(map(str, given)))
    return tuple(dict.fromkeys(one_id(each, f"{name}[{index}]") for index, each in enumerate(given)))


def one_id(value: object, name: str) -> str:
    """An id.

    Raises:
        BadInput: `type`, or the code of an id.
    """
    if not isinstance(value, str):
        raise _wrong_type(value, name, "a string")
    return checked_id(value, name)


def flag(value: object, name: str) -> bool:
    """A yes or no.

    Raises:
        BadInput: `type`.
    """
    if not isinstance(value, bool):
        raise _wrong_type(value, name, "true or false")
    return value


def whole(value: object, name: str, *, least: int, most: int) -> int:
    """A whole number within bounds.

    Raises:
        BadInput: `type`, `value_range`.
    """
    shape = f"a whole number from {least} to {most}"
    # True is an int to Python, not to JSON.
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong_type(value, name, shape)
    if not least <= value <= most:
        raise BadInput("value_range", f"{name} must be {shape}.", field=name, fix=f"Send {shape}.")
    return value


def session(value: object, rules: EventRules) -> tuple[SessionStep, ...]:
    """The steps of a session: ids, or objects that say more.

    Args:
        value: What was sent.
        rules: The types of events there are, and what each weighs.

    Raises:
        BadInput: `type`, `too_many_items`, `field_unknown`, `field_missing`, `event_type_unknown`,
            `parameters_conflict`, `value_range`, `timestamp_unit`, …, or the code of an id.
    """
    given = _listed(value, "session", "an array of ids, or of objects with an item_id", most=MAX_ITEMS)
    return tuple(_step(each, f"session[{index}]", rules) for index, each in enumerate(given))


def _step(value: object, name: str, rules: EventRules) -> SessionStep:
    if isinstance(value, str):
        return SessionStep(checked_id(value, name))
    if not isinstance(value, dict):
        raise _wrong_type(value, name, "an id, or an object with an item_id")
    _check_names(value, _STEP_FIELDS)
    if "item_id" not in value:
        raise BadInput("field_missing", f"{name} names no item.", field=f"{name}.item_id", fix="Send item_id.")
    at = value.get("occurred_at")
    moment = None if at is None else sent_moment_ms(at, f"{name}.occurred_at", fix=_TIME_WANTED)
    return SessionStep(one_id(value["item_id"], f"{name}.item_id"), _weight(value, name, rules), moment)


def _weight(value: Mapping[str, object], name: str, rules: EventRules) -> float:
    kind, weight = value.get("type"), value.get("weight")
    if kind is not None and weight is not None:
        detail = "A type has a weight of its own, so that type and weight cannot stand together."
        raise BadInput("parameters_conflict", detail, field=f"{name}.weight", fix="Send one of them.")
    if kind is not None:
        if not isinstance(kind, str):
            raise _wrong_type(kind, f"{name}.type", "a string")
        if kind not in rules.types:
            fix = f"The types are: {', '.join(rules.types)}."
            raise BadInput("event_type_unknown", f"{name} is of no type there is.", field=f"{name}.type", fix=fix)
        return rules.types[kind].weight
    if weight is None:
        return 1.0
    shape = f"a number from -{MAX_WEIGHT:g} to {MAX_WEIGHT:g}"
    if isinstance(weight, bool) or not isinstance(weight, (int, float)):
        raise _wrong_type(weight, f"{name}.weight", shape)
    if not (math.isfinite(weight) and abs(weight) <= MAX_WEIGHT):
        raise BadInput("value_range", f"{name}.weight must be {shape}.", field=f"{name}.weight", fix=f"Send {shape}.")
    return float(weight)


def _listed(value: object, name: str, shape: str, *, most: int) -> list[object]:
    if not isinstance(value, list):
        raise _wrong_type(value, name, shape)
    if len(value) > most:
        raise too_many_items(name, len(value))
    return value


def _check_names(given: Mapping[str, object], known: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            raise field_unknown(name, known)


def _wrong_type(value: object, name: str, wanted: str) -> BadInput:
    return BadInput("type", f"{name} is {kind_of(value)}; it must be {wanted}.", field=name, fix=f"Send {wanted}.")
