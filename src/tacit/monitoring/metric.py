"""One thing that we measure: its name, kind, labels and meaning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]

LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.8, 1.0, 2.0, 5.0)
"""Upper bounds in seconds; 0.5, 0.8, 1 and 2 are those that objectives are set at."""


@dataclass(frozen=True)
class Metric:
    """One thing that is measured.

    Attributes:
        name: As it is exported.
        kind: `counter` only rises, `gauge` stands at something, `histogram` counts observations by size.
        unit: What one of it is.
        help: One sentence for whoever meets it on a dashboard.
        room: The room that measures it.
        labels: What tells its series apart, each with its values where they are known beforehand.
        buckets: Upper bounds of a histogram's classes.
    """

    name: str
    kind: Kind
    unit: str
    help: str
    room: str
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    buckets: tuple[float, ...] = ()

    def known_series(self) -> Iterator[dict[str, str]]:
        """The labels of each series that is known beforehand."""
        for values in product(*self.labels.values()):
            yield dict(zip(self.labels, values, strict=True))

    def key(self, labels: Mapping[str, str]) -> tuple[str, ...]:
        """A series' label values in the order of the declaration.

        Raises:
            ValueError: These are not the metric's labels.
        """
        if labels.keys() != self.labels.keys():
            raise ValueError(f"{self.name} has the labels {list(self.labels)}, not {list(labels)}")
        return tuple(labels[name] for name in self.labels)
