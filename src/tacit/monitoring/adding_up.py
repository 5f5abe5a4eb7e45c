"""What several processes measured, as one (pure): counts are added, where each stands is taken from who knows best."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tacit.monitoring import metrics as catalogue

Rule = Literal["taker", "least", "most", "sum", "each"]

RULES: Mapping[str, Rule] = {
    catalogue.MODEL_LOADED.name: "least",
    catalogue.MODEL_VERSION.name: "most",
    catalogue.CATALOGUE_REVISION.name: "each",
    catalogue.EVENTS_KNOWN.name: "each",
    catalogue.CACHE_REACHABLE.name: "least",
}
"""How a gauge is told of all processes; any other as the process that takes events has it."""

OF_EACH = ("process_", "python_")
"""How the names of measurements begin that stand for each process by itself."""

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a series."""

    name: str
    labels: Labels
    value: float


@dataclass(frozen=True, slots=True)
class Family:
    """Everything measured under one name.

    Attributes:
        kind: What Prometheus calls its type.
    """

    name: str
    kind: str
    help: str
    samples: tuple[Sample, ...]


@dataclass(frozen=True)
class Part:
    """What one process measured.

    Attributes:
        worker: Its number, as a text.
        is_taker: Whether it takes events.
    """

    worker: str
    is_taker: bool
    families: Sequence[Family]


def added_up(parts: Iterable[Part]) -> list[Family]:
    """What all of them measured, each name once."""
    found: dict[str, list[tuple[Part, Family]]] = {}
    for part in parts:
        for family in part.families:
            found.setdefault(family.name, []).append((part, family))
    return [_one(name, each) for name, each in found.items()]


def counts_alone(part: Part) -> Part:
    """What is left of a process that ended: what it counted, but nothing of how it stood."""
    kept = [each for each in part.families if _is_count(each) and not each.name.startswith(OF_EACH)]
    return replace(part, families=kept)


def _one(name: str, measured: Sequence[tuple[Part, Family]]) -> Family:
    family = measured[0][1]
    rule: Rule = "sum" if _is_count(family) else RULES.get(name, "taker")
    if rule == "each" or name.startswith(OF_EACH):
        return replace(family, samples=tuple(_of_each(measured)))
    series: dict[tuple[str, Labels], list[tuple[Part, float]]] = {}
    for part, each in measured:
        for sample in each.samples:
            series.setdefault((sample.name, sample.labels), []).append((part, sample.value))
    samples = (Sample(*key, value=_told(values, _rule_of(key[0], rule))) for key, values in series.items())
    return replace(family, samples=tuple(samples))


def _of_each(measured: Sequence[tuple[Part, Family]]) -> Iterable[Sample]:
    for part, family in measured:
        for sample in family.samples:
            yield replace(sample, labels=(*sample.labels, ("worker", part.worker)))


def _is_count(family: Family) -> bool:
    return family.kind in ("counter", "histogram")


def _rule_of(sample: str, rule: Rule) -> Rule:
    """When a series began is no amount: of several, it is the earliest."""
    return "least" if rule == "sum" and sample.endswith("_created") else rule


def _told(values: Sequence[tuple[Part, float]], rule: Rule) -> float:
    numbers = [value for _, value in values]
    if rule == "sum":
        return sum(numbers)
    if rule == "taker":
        return next((value for part, value in values if part.is_taker), max(numbers))
    return min(numbers) if rule == "least" else max(numbers)
