"""A registry that tells of each time somebody reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector


class HeardRegistry(CollectorRegistry):
    """What another registry exports.

    Args:
        registry: What is read.
        told: Called each time, before it is.
    """

    def __init__(self, registry: CollectorRegistry, told: Callable[[], object]) -> None:
        super().__init__()
        self._registry, self._told = registry, told

    def collect(self) -> Iterable[Metric]:
        self._told()
        return self._registry.collect()

    def restricted_registry(self, names: Iterable[str]) -> Collector:  # type: ignore[override]  # it promises less
        self._told()
        return self._registry.restricted_registry(names)
