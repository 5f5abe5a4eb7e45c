"""What each kind of job may be asked with; what does not belong there is said before anything is queued."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from typing import cast

from tacit.errors import BadInput
from tacit.jobs.job import KINDS, Kind

MAX_TEXT_BYTES = 256
MODEL_TYPES = ("als",)
"""Kinds of model that can be trained."""

Check = Callable[[str, object], object]


def _whole(least: int, most: int) -> Check:
    def check(name: str, value: object) -> object:
        if type(value) is not int:
            raise _wrong_type(name, value, f"a whole number from {least} to {most}")
        if not least <= value <= most:
            raise _out_of_range(name, f"a whole number from {least} to {most}")
        return value

    return check


def _number(least: float, most: float) -> Check:
    shape = f"a number from {least:g} to {most:g}"

    def check(name: str, value: object) -> object:
        if type(value) not in (int, float):
            raise _wrong_type(name, value, shape)
        # A whole number beyond what a float can hold is compared as it is, and only then made one.
        number = cast("int | float", value)
        if not (isinstance(number, int) or math.isfinite(number)):
            raise BadInput("number_not_finite", f"{name} is no finite number.", field=name, fix=f"Give {shape}.")
        if not least <= number <= most:
            raise _out_of_range(name, shape)
        return float(number)

    return check


def _name(name: str, value: object) -> object:
    if not isinstance(value, str):
        raise _wrong_type(name, value, "a name")
    size = len(value.encode("utf-8", "surrogatepass"))
    if not value.strip() or size > MAX_TEXT_BYTES or not value.isprintable():
        shape = f"a name of 1 to {MAX_TEXT_BYTES} bytes without control characters"
        raise BadInput("value_range", f"{name} must be {shape}; it has {size} bytes.", field=name, fix="Name another.")
    return value


def _start(name: str, value: object) -> object:
    return value if value == "champion" else _NUMBER_OF_A_VERSION(name, value)


_NUMBER_OF_A_VERSION = _whole(1, 2**31 - 1)
_LEARNING: Mapping[str, Check] = {
    "dataset": _name,
    "factors": _whole(1, 4_096),
    "iterations": _whole(1, 1_000),
    "alpha": _number(1e-9, 1e9),
    "regularization": _number(1e-9, 1e9),
    "seed": _whole(0, 2**31 - 1),
}
PARAMETERS: Mapping[Kind, Mapping[str, Check]] = {
    "train": {**_LEARNING, "warm_start": _start},
    "full_refit": _LEARNING,
    "search": {"dataset": _name, "minutes": _number(0.01, 1_440), "trials": _whole(1, 1_000)},
    "evaluate": {"version": _NUMBER_OF_A_VERSION, "dataset": _name},
    "precompute": {"version": _NUMBER_OF_A_VERSION, "count": _whole(1, 1_000)},
    "drift": {},
}
"""What each kind takes; `warm_start` is the number of a version, or `champion`."""


def checked_kind(name: str) -> Kind:
    """The kind of a name.

    Raises:
        BadInput: `kind_unknown`.
    """
    if name not in KINDS:
        detail = f"There is no kind of job {ascii(name)[:64]}."
        raise BadInput("kind_unknown", detail, field="kind", fix=f"The kinds are: {', '.join(KINDS)}.")
    return name


def check_model_type(value: object) -> None:
    """Raises `type` or `model_type_unknown` unless it is one that can be trained."""
    if not isinstance(value, str):
        raise _wrong_type("model_type", value, "a name")
    if value not in MODEL_TYPES:
        detail = f"There is no type of model {ascii(value)[:64]} that can be trained."
        raise BadInput("model_type_unknown", detail, field="model_type", fix=f"Send {' or '.join(MODEL_TYPES)}.")


def checked(kind: Kind, given: Mapping[str, object]) -> dict[str, object]:
    """The parameters of a job; `None` counts as not given.

    Raises:
        BadInput: `field_unknown`, `field_missing`, `type`, `value_range`, `number_not_finite`.
    """
    known = PARAMETERS[kind]
    for name in given:
        if name not in known:
            raise _unknown(name, tuple(known))
    found = {name: known[name](name, value) for name, value in given.items() if value is not None}
    if kind == "evaluate" and "version" not in found:
        detail = "No version is named."
        raise BadInput("field_missing", detail, field="version", fix="Give the number of a version.")
    return found


def _unknown(name: str, known: tuple[str, ...]) -> BadInput:
    near = difflib.get_close_matches(name[:64], known, n=3)
    shown = ascii(name)[1:65].rstrip("'")
    fix = f"Did you mean {' or '.join(near)}?" if near else f"The parameters are: {', '.join(known)}."
    return BadInput("field_unknown", f"'{shown}' is not a parameter here.", field=shown, fix=fix)


def _wrong_type(name: str, value: object, wanted: str) -> BadInput:
    names = {type(None): "null", bool: "a boolean", int: "a number", float: "a number", str: "a string"}
    kind = names.get(type(value), "an array" if isinstance(value, list) else "an object")
    return BadInput("type", f"{name} is {kind}; it must be {wanted}.", field=name, fix=f"Give {wanted}.")


def _out_of_range(name: str, wanted: str) -> BadInput:
    return BadInput("value_range", f"{name} must be {wanted}.", field=name, fix=f"Give {wanted}.")
