"""What the version that answers scores on data that came after it: measured anyhow, whenever it is looked at again."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from tacit.bootstrap.app import MODEL
from tacit.errors import TacitError
from tacit.monitoring import model_metrics as measured
from tacit.monitoring.interfaces import MetricSink

if TYPE_CHECKING:
    from tacit.bootstrap.app import App
    from tacit.registry.versions import Manifest, Version
    from tacit.serving.model_pool import LoadedVersion, ModelPool

_LATEST = 20
"""Evaluations, and versions, that are looked through for one of the version that answers."""


class _Scored(NamedTuple):
    """Scores on data of some moment, in milliseconds since 1970."""

    at_ms: float
    metrics: Mapping[str, object]


class LiveQuality:
    """Measures the latest scores there are of the version that answers.

    A job may have evaluated it; and every candidate that was trained since was compared with it on the data of then.
    """

    def __init__(self, app: App, pool: ModelPool, metrics: MetricSink) -> None:
        self._app, self._pool, self._metrics = app, pool, metrics
        self._known: dict[int, Manifest | None] = {}

    def look(self) -> None:
        """Look at what was written since."""
        loaded = self._pool.loaded
        found = [] if loaded is None else [*self._evaluated(loaded), *self._compared(loaded)]
        latest = max(found, key=lambda each: each.at_ms, default=_Scored(0, {}))
        for metric in measured.QUALITY_METRICS:
            score = latest.metrics.get(metric)
            value = float(score) if isinstance(score, int | float) else math.nan
            self._metrics.set(measured.QUALITY_LIVE, value, metric=metric)

    def _evaluated(self, loaded: LoadedVersion) -> Iterator[_Scored]:
        for job in self._app.jobs.store.jobs(limit=_LATEST, kind="evaluate", state="succeeded"):
            outcome = job.outcome or {}
            metrics = outcome.get("metrics")
            if outcome.get("version") == loaded.label and isinstance(metrics, Mapping):
                yield _Scored(job.ended_at_ms or 0, metrics)

    def _compared(self, loaded: LoadedVersion) -> Iterator[_Scored]:
        later = [each for each in self._app.versions.versions(MODEL) if each.number > loaded.version.number]
        for version in later[-_LATEST:]:
            manifest = self._manifest(version)
            gate = {} if manifest is None else manifest.gate
            metrics = gate.get("champion_metrics")
            if gate.get("champion_number") == loaded.version.number and isinstance(metrics, Mapping):
                yield _Scored(datetime.fromisoformat(version.created_at).timestamp() * 1_000, metrics)

    def _manifest(self, version: Version) -> Manifest | None:
        """What is signed of a version, read once; nothing of one that does not verify."""
        if version.number not in self._known:
            try:
                self._known[version.number] = self._app.registry.manifest(MODEL, version.number)
            except TacitError:
                self._known[version.number] = None
        return self._known[version.number]
