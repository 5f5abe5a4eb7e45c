"""What a query reads, found without an evaluation: names of series, and the labels that they are selected by."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_SELECTED = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\s*\{([^}]*)\}")
_LABEL = re.compile(r"([a-zA-Z_][a-zA-Z0-9_]*)\s*(?:=~|!~|!=|=)")
_GROUPED = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_WINDOW = re.compile(r"\[[^\]]*\]")
_NAME = re.compile(r"(?<![\w:.])[a-zA-Z_:][a-zA-Z0-9_:]*")
_WORDS = frozenset(
    {
        "absent", "and", "avg", "avg_over_time", "bool", "by", "clamp_max", "count_over_time", "histogram_quantile",
        "ignoring", "increase", "label_replace", "max", "max_over_time", "min", "min_over_time", "offset", "on", "or",
        "rate", "scalar", "sum", "time", "unless", "vector", "without", "group_left", "group_right", "count", "abs",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Selection:
    """Series that a query reads.

    Attributes:
        labels: Those that they are selected by.
    """

    name: str
    labels: frozenset[str]


def selections(expr: str) -> tuple[Selection, ...]:
    """Every selection of a query, in order."""
    return tuple(_found(_TEXT.sub('""', expr)))


def grouped_by(expr: str) -> frozenset[str]:
    """Labels that a query groups or matches by."""
    named = (each for group in _GROUPED.findall(_TEXT.sub('""', expr)) for each in group.split(","))
    return frozenset(each.strip() for each in named if each.strip())


def _found(expr: str) -> Iterator[Selection]:
    for name, matchers in _SELECTED.findall(expr):
        yield Selection(name, frozenset(_LABEL.findall(matchers)))
    bare = _WINDOW.sub(" ", _GROUPED.sub(" ", _SELECTED.sub(" ", expr)))
    for name in _NAME.findall(bare):
        if name not in _WORDS:
            yield Selection(name, frozenset())
