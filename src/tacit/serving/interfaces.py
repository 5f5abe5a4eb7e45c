"""What the serving room asks of whoever wires it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from tacit.models.recommender.model import RecommenderModel
from tacit.serving.exposures import Exposure, ExposureCounts

Loader = Callable[[Path], RecommenderModel]
"""Reads a model from a folder whose files were verified."""

Clock = Callable[[], float]
"""Tells the time in seconds since 1970, UTC."""

IdMaker = Callable[[], str]
"""Names an answer; no two alike."""


class ExposureRecorder(Protocol):
    """Remembers what was shown, off the hot path; `ExposureQueue` does."""

    def record(self, exposure: Exposure) -> None: ...
    def counts(self) -> ExposureCounts: ...
