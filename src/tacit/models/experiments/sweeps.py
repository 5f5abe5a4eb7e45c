"""Sweep files: the configurations to try, read from TOML, and the rule that chooses among them (pure)."""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal, get_args

from tacit.errors import BadInput
from tacit.models.recommender.als import AlsSettings

Cost = Literal["seconds", "bytes"]

METRICS = ("precision@10", "map@10", "ndcg@10", "recall@10", "precision@20", "map@20", "ndcg@20", "recall@20")
"""What a choice may go by: higher is better."""

MOST_CONFIGURATIONS = 1_000

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


@dataclass(frozen=True)
class Configuration:
    """One thing to try.

    Attributes:
        name: What it is called in tables.
        settings: What it trains; what is not said is left to the rules.
    """

    name: str
    settings: AlsSettings


@dataclass(frozen=True)
class ChoiceRule:
    """How one of several runs is chosen: the cheapest of those that are nearly as good as the best.

    Attributes:
        metric: What good means, on the validation fold.
        tolerance: How much worse than the best it may be, as a share of the best.
        cost: What cheap means: seconds of training, or bytes of factors.
    """

    metric: str = "ndcg@10"
    tolerance: float = 0.02
    cost: Cost = "seconds"


@dataclass(frozen=True)
class Sweep:
    """Configurations to try on one snapshot.

    Attributes:
        name: What the experiment is called.
        configurations: At least one, in order, each with a name of its own.
        rule: Chooses among them.
    """

    name: str
    configurations: tuple[Configuration, ...]
    rule: ChoiceRule = ChoiceRule()


def shipped_sweep() -> str:
    """The sweep that comes with the platform, as text."""
    return (files("tacit.models.experiments") / "seven.toml").read_text("utf-8")


def read_sweep(text: str) -> Sweep:
    """Read a sweep file.

    Raises:
        BadInput: `sweep_invalid`, naming the field, what stands there, and what should.
    """
    try:
        said = tomllib.loads(text)
    except ValueError as problem:  # whole numbers beyond what Python reads among them
        raise _invalid("", f"The sweep is no TOML: {problem}.", "Mend the file there.") from problem
    _known(said, ("name", "defaults", "configuration", "choice"), at="")
    listed = said.get("configuration")
    if not isinstance(listed, list) or not 1 <= len(listed) <= MOST_CONFIGURATIONS:
        wanted = f"Write 1 to {MOST_CONFIGURATIONS} tables [[configuration]]."
        raise _invalid("configuration", f"configuration is {_shape(listed)}.", wanted)
    defaults = _parameters(_table(said.get("defaults", {}), "defaults"), at="defaults")
    found = tuple(_configuration(each, defaults, at=f"configuration[{place}]") for place, each in enumerate(listed, 1))
    _distinct([each.name for each in found])
    return Sweep(checked_name(said.get("name"), "name"), found, _rule(_table(said.get("choice", {}), "choice")))


def _configuration(said: object, defaults: Mapping[str, Any], *, at: str) -> Configuration:
    chosen = dict(_table(said, at))
    name = checked_name(chosen.pop("name", None), f"{at}.name")
    return Configuration(name, AlsSettings(**{**defaults, **_parameters(chosen, at=at, also=("name",))}))


def _parameters(said: Mapping[str, Any], *, at: str, also: tuple[str, ...] = ()) -> dict[str, Any]:
    _known(said, (*also, *PARAMETERS), at=at)
    return {name: PARAMETERS[name](value, f"{at}.{name}") for name, value in said.items()}


def _rule(said: Mapping[str, Any]) -> ChoiceRule:
    checks: dict[str, Check] = {
        "metric": _one_of(*METRICS),
        "tolerance": _number(0, 1, is_low_in=True),
        "cost": _one_of(*get_args(Cost)),
    }
    _known(said, tuple(checks), at="choice")
    return ChoiceRule(**{name: checks[name](value, f"choice.{name}") for name, value in said.items()})


Check = Callable[[object, str], Any]
"""Takes a value and the name of its field; returns the value as settings have it, or refuses it."""


def _whole(low: int, high: int) -> Check:
    def check(value: object, field: str) -> int:
        if type(value) is not int or not low <= value <= high:
            raise _invalid(field, f"{field} is {_shape(value)}.", f"Write a whole number from {low} to {high}.")
        return value

    return check


def _number(low: float, high: float, *, is_low_in: bool = False, is_high_in: bool = False) -> Check:
    def check(value: object, field: str) -> float:
        number = _finite(value)
        if not (low < number < high or (is_low_in and number == low) or (is_high_in and number == high)):
            least = f"from {low:g}" if is_low_in else f"above {low:g}"
            most = "" if high == math.inf else f" to {high:g}" if is_high_in else f" and below {high:g}"
            raise _invalid(field, f"{field} is {_shape(value)}.", f"Write a number {least}{most}.")
        return number

    return check


def _finite(value: object) -> float:
    """A number as a float; NaN for what is none, or larger than any."""
    try:
        number = float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else math.nan
    except OverflowError:
        return math.nan
    return number if math.isfinite(number) else math.nan


def _one_of(*words: str) -> Check:
    def check(value: object, field: str) -> str:
        if not isinstance(value, str) or value not in words:
            raise _invalid(field, f"{field} is {_shape(value)}.", "Write one of: " + ", ".join(words) + ".")
        return value

    return check


PARAMETERS: Mapping[str, Check] = {
    "factors": _whole(1, 4_096),
    "iterations": _whole(1, 1_000),
    "alpha": _number(0, math.inf),
    "regularization": _number(0, math.inf),
    "frequency_exponent": _number(0, 2, is_low_in=True, is_high_in=True),
    "curve": _one_of("plain", "linear", "log", "capped"),
    "seed": _whole(0, 2**63 - 1),
    "start": _one_of("spectral", "random"),
    "method": _one_of("cg", "cholesky"),
    "cg_steps": _whole(1, 100),
    "relaxation": _number(0, 2),
}
"""What a configuration may say of its training, as the settings of `als` bound it."""


def checked_name(value: object, field: str) -> str:
    """The name of an experiment or a configuration.

    Raises:
        BadInput: `sweep_invalid`.
    """
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        fix = "Write 1 to 64 letters, digits, dots, dashes or underscores, a letter or digit first."
        raise _invalid(field, f"{field} is {_shape(value)}.", fix)
    return value


def _table(value: object, field: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _invalid(field, f"{field} is {_shape(value)}.", f"Write it as a table [{field}].")
    return value


def _known(said: Mapping[str, Any], names: tuple[str, ...], *, at: str) -> None:
    for name in said:
        if name not in names:
            field = f"{at}.{name[:64]}" if at else name[:64]
            near = difflib.get_close_matches(name, names, n=1)
            fix = f"Do you mean {near[0]}?" if near else "Known are " + ", ".join(names) + "."
            raise _invalid(field, f"Nothing here is called {ascii(name)[:64]}.", fix)


def _distinct(names: list[str]) -> None:
    for place, name in enumerate(names, 1):
        if names.index(name) != place - 1:
            field = f"configuration[{place}].name"
            raise _invalid(field, f"{name} is the name of an earlier configuration too.", "Give each its own name.")


def _shape(value: object) -> str:
    """What a value is, for an error: short ones are shown, long ones only named."""
    if value is None:
        return "missing"
    shown = ascii(value)
    return shown if isinstance(value, (bool, int, float, str)) and len(shown) <= 64 else f"a {type(value).__name__}"


def _invalid(field: str, detail: str, fix: str) -> BadInput:
    return BadInput("sweep_invalid", detail, field=field or None, fix=fix)
