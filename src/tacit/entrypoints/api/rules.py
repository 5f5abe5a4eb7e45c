"""The rules of a list as they come in an address or in a body, read strictly (pure)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from tacit.data.validation import escaped
from tacit.entrypoints.api.json_values import decimal, ids, listed, string, whole, wrong_type
from tacit.entrypoints.api.parameters import CATEGORY, EXCLUDE, LIMIT, Parameter, Query, field_unknown
from tacit.entrypoints.api.texts import checked_id
from tacit.errors import BadInput
from tacit.serving.rules import (
    KINDS,
    LEAST_FACTOR,
    MAX_BOOSTS,
    MAX_CAP,
    MAX_CATEGORIES,
    MAX_IDS,
    MAX_RANGES,
    MOST_FACTOR,
    NO_RULES,
    Boost,
    Kind,
    Range,
    Rules,
    too_many,
)

T = TypeVar("T")

_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,9})?", re.ASCII)
_BOOST_SHAPE = "kind:name:factor, as tag:live:2; the kind is item, category or tag"
_RANGE_SHAPE = "field:least:most, as year:1990:2000; either bound may be left empty"
_OBJECTS = "an array of objects"
_SHARE = {"type": "number", "minimum": 0, "maximum": 1}

INCLUDE = Parameter("include", "Id of an item that may be in the list, and no others; repeat it.", is_repeatable=True)
BOOST = Parameter(
    "boost",
    f"What counts more, or with a factor below 1 less: {_BOOST_SHAPE}; from {LEAST_FACTOR:g} to {MOST_FACTOR:g}.",
    is_repeatable=True,
)
RANGE = Parameter(
    "range", f"Bounds of a number among an item's labels, or of `listeners`: {_RANGE_SHAPE}.", is_repeatable=True
)
CAP = Parameter("cap", "The most items of any one category.", {"type": "integer", "minimum": 1, "maximum": MAX_CAP})
DIVERSITY = Parameter("diversity", "How far what is unlike is preferred to what is best; 0 is not at all.", _SHARE)
EXPLORE = Parameter("explore", "How probable it is that chance decides of a place; 0 is never.", _SHARE)

SHAPING = (LIMIT, EXCLUDE, INCLUDE, CATEGORY, BOOST, RANGE, CAP, DIVERSITY)
"""What every list may be asked for with."""
EXPLORING = (*SHAPING, EXPLORE)
"""The same of a user's list, of which it is kept what was shown, and how probable that was."""

_SIMPLE = frozenset((LIMIT.name, EXCLUDE.name))
"""What most address, if anything."""

NAMES = tuple(parameter.name for parameter in EXPLORING if parameter is not LIMIT)
"""The fields of rules."""


def rules_of(query: Query) -> Rules:
    """The rules in an address.

    Raises:
        BadInput: `boost_invalid`, `range_invalid`, `number_invalid`, `too_many_items`, the code of an id, or what
            `Rules` says.
    """
    values = query.values
    if not values.keys() - _SIMPLE:
        given = values.get("exclude")
        return NO_RULES if given is None else Rules(frozenset(_ids(given, "exclude")))
    include = None if "include" not in values else frozenset(_ids(values["include"], "include"))
    return Rules(
        exclude=frozenset(_ids(values.get("exclude", ()), "exclude")),
        include=include,
        categories=tuple(_ids(values.get("category", ()), "category", most=MAX_CATEGORIES)),
        boosts=_each(values.get("boost", ()), "boost", _boost_of, most=MAX_BOOSTS),
        ranges=_each(values.get("range", ()), "range", _range_of, most=MAX_RANGES),
        cap=_cap(values["cap"][0]) if "cap" in values else None,
        diversity=_number(values["diversity"][0], "diversity") if "diversity" in values else None,
        explore=_number(values["explore"][0], "explore") if "explore" in values else None,
    )


def rules_in(given: Mapping[str, object]) -> Rules:
    """The rules among the fields of a body; other fields are passed over.

    Raises:
        BadInput: `type`, `field_unknown`, `field_missing`, `too_many_items`, the code of an id, or what `Rules` says.
    """
    categories = given.get("category", [])
    if isinstance(categories, str):
        categories = [categories]
    return Rules(
        exclude=frozenset(_texts(given.get("exclude", []), "exclude")),
        include=frozenset(_texts(given["include"], "include")) if "include" in given else None,
        categories=tuple(_texts(categories, "category", most=MAX_CATEGORIES, wanted="a string or an array of strings")),
        boosts=_each(listed(given.get("boost", []), "boost", _OBJECTS), "boost", _boost_in, most=MAX_BOOSTS),
        ranges=_each(listed(given.get("range", []), "range", _OBJECTS), "range", _range_in, most=MAX_RANGES),
        cap=whole(given["cap"], "cap") if "cap" in given else None,
        diversity=decimal(given["diversity"], "diversity") if "diversity" in given else None,
        explore=decimal(given["explore"], "explore") if "explore" in given else None,
    )


def _each(given: Sequence[T], name: str, made: Callable[[T, str], Any], *, most: int) -> tuple[Any, ...]:
    """What each of a list says, with its place in what is wrong with it."""
    if len(given) > most:
        raise too_many(name, len(given), most)
    found = []
    for index, each in enumerate(given):
        where = f"{name}[{index}]"
        try:
            found.append(made(each, where))
        except BadInput as wrong:
            field = wrong.field if wrong.field and wrong.field.startswith(where) else where
            raise BadInput(wrong.code, wrong.detail, field=field, fix=wrong.fix) from wrong
    return tuple(found)


def _boost_of(text: str, where: str) -> Boost:
    kind, _, rest = text.partition(":")
    name, _, factor = rest.rpartition(":")
    if kind not in KINDS or not name:
        raise _misshapen("boost", text, where, shape=_BOOST_SHAPE)
    return Boost(_kind(kind), checked_id(name, where), _number(factor, where))


def _range_of(text: str, where: str) -> Range:
    parts = text.rsplit(":", 2)
    if len(parts) != 3 or not parts[0]:
        raise _misshapen("range", text, where, shape=_RANGE_SHAPE)
    bounds = {name: _number(each, where) for name, each in zip(("least", "most"), parts[1:], strict=True) if each}
    return Range(checked_id(parts[0], where), **bounds)


def _boost_in(given: object, where: str) -> Boost:
    fields = _object(given, where, (*KINDS, "factor"))
    kinds = [kind for kind in KINDS if kind in fields]
    if len(kinds) != 1 or "factor" not in fields:
        detail = f"{where} must have a factor, and one of {', '.join(KINDS)}."
        raise BadInput("field_missing", detail, field=where, fix='Send {"tag": "live", "factor": 2}.')
    name = checked_id(string(fields[kinds[0]], f"{where}.{kinds[0]}"), f"{where}.{kinds[0]}")
    return Boost(kinds[0], name, decimal(fields["factor"], f"{where}.factor"))


def _range_in(given: object, where: str) -> Range:
    fields = _object(given, where, ("field", "least", "most"))
    if "field" not in fields:
        raise BadInput("field_missing", f"{where} names no field.", field=where, fix="Name a label, or listeners.")
    name = checked_id(string(fields["field"], f"{where}.field"), f"{where}.field")
    return Range(
        name, **{each: decimal(fields[each], f"{where}.{each}") for each in ("least", "most") if each in fields}
    )


def _object(given: object, where: str, known: Sequence[str]) -> Mapping[str, object]:
    if not isinstance(given, dict):
        raise wrong_type(given, where, "an object")
    for name in given:
        if name not in known:
            raise field_unknown(f"{where}.{name}", [f"{where}.{each}" for each in known])
    return given


def _kind(kind: str) -> Kind:
    return KINDS[KINDS.index(kind)]


def _ids(given: Sequence[str], name: str, *, most: int = MAX_IDS) -> list[str]:
    if len(given) > most:
        raise too_many(name, len(given), most)
    return [checked_id(value, name) for value in given]


def _texts(given: object, name: str, *, most: int = MAX_IDS, wanted: str = "an array of strings") -> list[str]:
    values = listed(given, name, wanted)
    if len(values) > most:
        raise too_many(name, len(values), most)
    return ids(values, name)


def _number(text: str, name: str) -> float:
    if not _NUMBER.fullmatch(text):
        detail = f"{name} has '{escaped(text[:64])}' where a number must stand."
        raise BadInput("number_invalid", detail, field=name, fix="Give plain digits, with a point and a minus at most.")
    return float(text)


def _cap(text: str) -> int:
    number = _number(text, "cap")
    # Anything but a whole number is out of range: 0 says so in the same words.
    return int(number) if number == int(number) else 0


def _misshapen(name: str, text: str, where: str, *, shape: str) -> BadInput:
    return BadInput(f"{name}_invalid", f"'{escaped(text[:64])}' is no {name}.", field=where, fix=f"Give {shape}.")
