"""What each field of an event may hold, and the form in which it is kept (pure).

What the catalogue of bad input leaves open, this settles so:

* Ids are text and stay what they are but for NFC: `cafe` with a combining accent is `café`.  The limit of 256 bytes
  holds for the form that is kept.
* A time is text in ISO 8601 with seconds and a zone, or a whole number of milliseconds since 1970; without one, the
  event happened when it was received.  A number that makes sense in another unit is refused rather than guessed at.
* An amount is a number and never text; one of a type that has no amount is refused rather than forgotten.
* `properties` may say anything that JSON can, except half a surrogate pair and NUL, which not every store keeps.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches

from tacit.data.event_rules import EventRules, TypeRule
from tacit.data.texts import MAX_ID_BYTES, normal_form, text_problem
from tacit.data.validation import escaped
from tacit.errors import BadInput

MAX_PROPERTIES_BYTES = 16_384
MAX_PROPERTIES_DEPTH = 200

CODES: Mapping[str, str] = {
    "type": "a value of another type than the field's: a number as text, `true` for a number, `null` for either",
    "schema_version": "a version of the form that this platform does not know",
    "field_unknown": "a field that an event does not have",
    "field_missing": "a field that must be there",
    "id_empty": "no character but spaces",
    "id_too_long": f"more than {MAX_ID_BYTES} bytes in UTF-8",
    "string_surrogate": "half of a surrogate pair, which is no character",
    "string_nul": "a NUL character",
    "string_control": "a control character or a line separator",
    "string_format_char": "an invisible formatting character",
    "event_type_unknown": "a type that the profile does not have",
    "number_not_finite": "NaN or infinity",
    "number_out_of_range": "a whole number beyond 64 bits",
    "value_range": "an amount outside of its type's bounds, or of a type that has none",
    "timestamp_unit": "a time without zone, or a number that is not in milliseconds",
    "timestamp_range": "a time that does not exist, is too far ahead, or is too long ago",
    "event_too_large": f"properties of more than {MAX_PROPERTIES_BYTES} bytes",
    "json_depth": f"properties nested deeper than {MAX_PROPERTIES_DEPTH} levels",
    "event_conflict": "an id that was used for an event that said something else",
}
"""Why an event may not enter: what it has that it must not have, or lacks."""

_Container = dict[object, object] | list[object]

_INT64 = range(-(2**63), 2**63)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_HOUR_MS = 3_600_000
_ISO_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:?[0-9]{2})"
)
_SURROGATE = re.compile("[\ud800-\udfff]")
# Read as milliseconds these lie before March 1973 or after 5138; read as seconds, or as micro- and nanoseconds, nearer.
_LIKE_SECONDS = range(10**8, 10**11)
_LIKE_MICROSECONDS = range(10**14, 2**63)
_CANONICAL = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
_TIME_WANTED = "Send 2026-01-31T12:00:00Z or whole milliseconds since 1970, or leave it out if it happened just now."
_KINDS = {
    type(None): "null", bool: "a boolean", int: "a number", float: "a number", str: "text", list: "an array",
    dict: "an object",
}  # fmt: skip


def wrong_type(value: object, name: str, wanted: str) -> BadInput:
    """That a field, or the event itself, holds a value of another type than it must."""
    kind = _KINDS.get(type(value), "no JSON value")
    return BadInput("type", f"{name} is {kind}; it must be {wanted}.", field=name)


def needed(raw: Mapping[str, object], name: str) -> object:
    """What a field holds that must be there.

    Raises:
        BadInput: `field_missing`.
    """
    try:
        return raw[name]
    except KeyError:
        raise BadInput("field_missing", f"The event has no {name}.", field=name, fix="Send it.") from None


def checked_id(value: object, name: str) -> str:
    """An id in the form in which it is kept.

    Raises:
        BadInput: `type`, `id_too_long`, `string_surrogate`, `string_nul`, `string_control`, `string_format_char`,
            `id_empty`.
    """
    if not isinstance(value, str):
        raise wrong_type(value, name, "text")
    if value.isascii() and value.isprintable() and len(value) <= MAX_ID_BYTES and not value.isspace() and value:
        return value
    normal = normal_form(value)
    if problem := text_problem(normal) or (None if normal.strip() else "id_empty"):
        raise BadInput(problem, f"{name} has {CODES[problem]}.", field=name, fix="Send another id.")
    return normal


def type_rule(value: object, rules: EventRules) -> tuple[str, TypeRule]:
    """A type's name, and what an event of it must keep to.

    Raises:
        BadInput: `type`, `event_type_unknown`.
    """
    if not isinstance(value, str):
        raise wrong_type(value, "type", "text")
    if rule := rules.types.get(value):
        return value, rule
    allowed = sorted(rules.types)
    near = get_close_matches(value[:64].casefold(), allowed, n=1)
    raise BadInput(
        "event_type_unknown",
        f"There is no type of event '{escaped(value)}'.",
        field="type",
        fix=f"Did you mean '{near[0]}'?" if near else "Send one of the allowed types.",
        context={"allowed": allowed},
    )


def amount(raw: Mapping[str, object], name: str, rule: TypeRule) -> float | None:
    """How much an event of a type says, or `None`.

    Raises:
        BadInput: `field_missing`, `type`, `number_not_finite`, `number_out_of_range`, `value_range`.
    """
    value = raw.get("value")
    if value is None:
        if rule.value == "required":
            raise wrong_type(needed(raw, "value"), "value", "a number")
        return None
    number = _number(value, "value")
    if rule.value == "none":
        raise _bad_amount(f"The type '{name}' has no amount.", "Leave value out.")
    if not rule.lowest <= number <= rule.highest or (rule.whole and number % 1):
        kind = "a whole number" if rule.whole else "a number"
        fix = f"Send {kind} from {rule.lowest:g} to {rule.highest:g}."
        raise _bad_amount(f"The amount is not one that '{name}' can have.", fix)
    return number + 0.0  # a negative zero would be another event


def _number(value: object, name: str) -> float:
    if type(value) is int:
        _check_int64(value, name)
        return float(value)
    if type(value) is not float:
        raise wrong_type(value, name, "a number")
    if not math.isfinite(value):
        raise BadInput("number_not_finite", f"{name} holds NaN or infinity.", field=name)
    return value


def _check_int64(number: int, name: str) -> None:
    if number not in _INT64:
        raise BadInput("number_out_of_range", f"{name} holds a number too large for 64 bits.", field=name)


def _bad_amount(detail: str, fix: str) -> BadInput:
    return BadInput("value_range", detail, field="value", fix=fix)


def time_ms(value: object, rules: EventRules, *, now_ms: int) -> int:
    """When it happened, in milliseconds since 1970, UTC; now, where nothing is said.

    Raises:
        BadInput: `type`, `timestamp_unit`, `timestamp_range`, `number_not_finite`, `number_out_of_range`.
    """
    if value is None:
        return now_ms
    moment_ms = sent_moment_ms(value, "occurred_at", fix=_TIME_WANTED)
    if moment_ms < rules.earliest_ms:
        raise _bad_time("The event claims to be older than it can be.")
    if moment_ms > now_ms + rules.future_hours * _HOUR_MS:
        raise _bad_time(f"The event lies more than {rules.future_hours} hours ahead.")
    return moment_ms


def sent_moment_ms(value: object, name: str, *, fix: str) -> int:
    """A time that was sent, whenever that is, in milliseconds since 1970, UTC.

    Args:
        value: What was sent.
        name: Its field.
        fix: What to send instead, where it is none.

    Raises:
        BadInput: `type`, `timestamp_unit`, `timestamp_range`, `number_not_finite`, `number_out_of_range`.
    """
    if isinstance(value, str):
        return _iso_ms(value, name, fix=fix)
    if type(value) is not int:
        if isinstance(value, float):
            _number(value, name)
            raise BadInput(
                "timestamp_unit", "The time is a number with a fraction, in whatever unit.", field=name, fix=fix
            )
        raise wrong_type(value, name, "text in ISO 8601 or a whole number")
    _check_int64(value, name)
    if value in _LIKE_SECONDS or value in _LIKE_MICROSECONDS:
        detail = f"The time {value} seems to be in another unit than milliseconds."
        raise BadInput("timestamp_unit", detail, field=name, fix=fix)
    return value


def _iso_ms(text: str, name: str, *, fix: str) -> int:
    if not _ISO_TIME.fullmatch(text):
        detail = f"'{escaped(text)}' is no time in ISO 8601 with seconds and a zone."
        raise BadInput("timestamp_unit", detail, field=name, fix=fix)
    try:
        return (datetime.fromisoformat(text) - _EPOCH) // _MILLISECOND
    except ValueError as error:
        raise BadInput("timestamp_range", f"There is no such time as '{text}'.", field=name, fix=fix) from error


def _bad_time(detail: str) -> BadInput:
    return BadInput("timestamp_range", detail, field="occurred_at", fix=_TIME_WANTED)


def canonical_properties(properties: object) -> str:
    """Properties as JSON text that is the same whenever they say the same.

    Raises:
        BadInput: `type`, `event_too_large`, `json_depth`, `string_nul`, `string_surrogate`, `number_not_finite`,
            `number_out_of_range`.
    """
    if properties is None:
        return "{}"
    if not isinstance(properties, dict):
        raise wrong_type(properties, "properties", "an object")
    _check_properties(properties)
    text = _CANONICAL.encode(properties)
    if len(text.encode()) > MAX_PROPERTIES_BYTES:
        raise _too_large()
    return text


def _check_properties(properties: dict[object, object]) -> None:
    left = MAX_PROPERTIES_BYTES
    level: list[_Container] = [properties]
    for _ in range(MAX_PROPERTIES_DEPTH):
        below: list[_Container] = []
        for container in level:
            left = _check_container(container, left, below=below)
        if not below:
            return
        level = below
    raise BadInput("json_depth", f"The event has {CODES['json_depth']}.", field="properties")


def _check_container(container: _Container, left: int, *, below: list[_Container]) -> int:
    """The bytes that are left; objects and arrays inside are put `below`.

    Every character and every value of an array takes a byte at least, so that nothing far too large is looked at to its
    end.
    """
    if isinstance(container, dict):
        left = _check_names(container, left)
        values: Iterable[object] = container.values()
    else:
        left = _spent(left, len(container))
        values = container
    for value in values:
        if isinstance(value, str):
            left = _spent(left, len(value))
            _check_text(value)
        elif isinstance(value, dict | list):
            below.append(value)
        elif value is not None and value is not True and value is not False:
            _number(value, "properties")
    return left


def _check_names(names: dict[object, object], left: int) -> int:
    for name in names:
        if not isinstance(name, str):
            raise wrong_type(name, "properties", "an object whose names are text")
        left = _spent(left, len(name))
        _check_text(name)
    return left


def _spent(left: int, length: int) -> int:
    if length > left:
        raise _too_large()
    return left - length


def _check_text(text: str) -> None:
    code = "string_nul" if "\0" in text else "string_surrogate" if _SURROGATE.search(text) else None
    if code:
        raise BadInput(code, f"properties has {CODES[code]}.", field="properties")


def _too_large() -> BadInput:
    detail = f"The event has {CODES['event_too_large']}."
    return BadInput("event_too_large", detail, field="properties", fix="Send less with it.")
