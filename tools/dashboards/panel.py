"""What a dashboard shows, as values: panels, what each asks Prometheus, and what it says to whoever looks (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tacit.monitoring.metric import Metric

Kind = Literal["timeseries", "stat", "bargauge"]
Per = Literal["", "second", "minute", "all"]
"""What an amount is divided by: nothing, a time, or the whole it is a share of."""
Color = Literal["green", "yellow", "orange", "red", "blue"]


@dataclass(frozen=True)
class Query:
    """One question to Prometheus.

    Attributes:
        expr: In PromQL.
        legend: What a series is called, `{{label}}` standing for a label of it.
    """

    expr: str
    legend: str


@dataclass(frozen=True)
class Panel:
    """One picture.

    Attributes:
        title: What it shows, in a few words.
        says: What it tells, and when to be worried: the text behind the `i`.
        queries: What it asks.
        unit_of: The metric whose unit the values have, or Grafana's own name of a unit.
        per: What that unit is divided by.
        kind: How it looks.
        width: In 24ths of the page.
        limits: From which value on it has which colour; below the first it is green.
        names: What is shown for a value, as `{1: "loaded"}`.
        is_still: Whether it rests at 0 while all is well.
        is_stacked: Whether its series lie on one another.
        is_summed: Whether its series are added up before they are shown.
    """

    title: str
    says: str
    queries: tuple[Query, ...]
    unit_of: Metric | str
    per: Per = ""
    kind: Kind = "timeseries"
    width: int = 8
    limits: tuple[tuple[float, Color], ...] = ()
    names: Mapping[int, str] = field(default_factory=dict)
    is_still: bool = False
    is_stacked: bool = False
    is_summed: bool = False


@dataclass(frozen=True)
class Board:
    """One dashboard.

    Attributes:
        name: Of its file, and its id in Grafana.
        title: As people find it.
        says: What it is for.
        panels: From the top left; a page is 24 wide.
        tags: To find it by.
        since: How far back it looks to begin with.
    """

    name: str
    title: str
    says: str
    panels: tuple[Panel, ...]
    tags: tuple[str, ...] = ()
    since: str = "1h"


def one(expr: str, legend: str = "") -> tuple[Query, ...]:
    """A panel's only question."""
    return (Query(expr, legend),)
