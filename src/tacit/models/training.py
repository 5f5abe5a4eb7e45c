"""One training run: a snapshot in; a model, its scores and its baselines' scores out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tacit.data.interfaces import Progress, silent
from tacit.models.interfaces import Evaluation, Fitted, Workload

_MODEL = "the model"


@dataclass(frozen=True)
class TrainingRun:
    """What one run produced.

    Attributes:
        fitted: The model and how it was learnt.
        evaluation: What it scored on the hold-out.
        baselines: What the workload's baselines scored on the same hold-out.
        fit_seconds: How long learning took.
    """

    fitted: Fitted[Any]
    evaluation: Evaluation
    baselines: Mapping[str, Evaluation]
    fit_seconds: float


def run(workload: Workload[Any, Any], data: Any, progress: Progress = silent) -> TrainingRun:
    """Fit, then score the model and the baselines on the same hold-out."""
    started = time.monotonic()
    fitted = workload.fit(data, progress=progress)
    fit_seconds = time.monotonic() - started
    evaluation, baselines = score(workload, fitted.model, data, progress=progress)
    return TrainingRun(fitted, evaluation, baselines, fit_seconds)


def score(
    workload: Workload[Any, Any], model: Any, data: Any, *, progress: Progress = silent
) -> tuple[Evaluation, Mapping[str, Evaluation]]:
    """What a model, and each of the workload's baselines, scores on the same hold-out."""
    candidates = {_MODEL: model, **workload.baselines(data)}
    scored = {
        name: workload.evaluate(each, data, progress=_part(progress, name, place=place, of=len(candidates)))
        for place, (name, each) in enumerate(candidates.items())
    }
    return scored.pop(_MODEL), scored


def _part(progress: Progress, name: str, *, place: int, of: int) -> Progress:
    return lambda _, share: progress(f"evaluating {name}", (place + share) / of)
