"""Panels whose metrics belong to parts that an installation may do without: shown where they are measured."""

from __future__ import annotations

from collections.abc import Iterable

from tacit.monitoring.metrics import CATALOGUE
from tools.dashboards import limits
from tools.dashboards.panel import Panel, one
from tools.dashboards.promql import unknown_names

OF_THE_MACHINE = (
    Panel(
        "Memory in Use",
        "Share of the memory in use, of whatever limits us most; at 80 % somebody is warned.",
        one("max(tacit_memory_ratio)", "memory in use"),
        "percentunit",
        limits=limits.MEMORY,
    ),
    Panel(
        "Disk Free",
        "Share of the home's disk that is free; when it is full no event is taken any more.",
        one("min(tacit_disk_free_ratio)", "free"),
        "percentunit",
        kind="stat",
        limits=limits.DISK_FREE,
    ),
)
OF_A_VERSION = (
    Panel(
        "Age of the Version",
        "Days since the version that answers was trained: yellow from 90, red from 365.",
        one("max(tacit_model_age_seconds) / 86400", "age"),
        "d",
        kind="stat",
        limits=limits.MODEL_AGE_DAYS,
    ),
    Panel(
        "Quality Now",
        "What the version scores on the data as it is now, where a job found out; else what it scored before.",
        one("max by (metric) ((tacit_quality_live >= 0) or tacit_quality_baseline)", "{{metric}}"),
        "none",
    ),
    Panel(
        "Drift",
        "How far each feature has moved from its own history: yellow from 0.3, a training is asked for at 0.6.",
        one("max by (feature) (tacit_drift_score)", "{{feature}}"),
        "none",
        limits=limits.DRIFT,
        is_still=True,
    ),
    Panel(
        "Drift by Feature",
        "Whether there is enough data to tell, and what is told.",
        one("max by (feature) (tacit_drift_state)", "{{feature}}"),
        "none",
        kind="stat",
        limits=((1, "yellow"), (2, "red")),
        names={-1: "not enough data", 0: "as ever", 1: "moved", 2: "moved far"},
        is_still=True,
    ),
)


def measured(panels: Iterable[Panel]) -> tuple[Panel, ...]:
    """Those of the panels whose metrics are all in the catalogue."""
    return tuple(panel for panel in panels if not any(unknown_names(query.expr, CATALOGUE) for query in panel.queries))
