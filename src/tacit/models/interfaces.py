"""What a kind of model must be able to do to live on the platform."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from tacit.data.interfaces import Progress, silent


@dataclass(frozen=True)
class Shown:
    """How often each item stands in the lists that were scored, among the first ten.

    Attributes:
        item_ids: The items of the hold-out's snapshot, in its order.
        lists: `(items,)` int64, how many lists show each.
        of: How many lists there are.
    """

    item_ids: tuple[str, ...]
    lists: NDArray[np.int64]
    of: int


@dataclass(frozen=True)
class Evaluation:
    """What a model scored on a hold-out.

    A *case* is what the workload scores one by one: a user for a recommender, an image for a classifier.

    Attributes:
        metrics: Mean over the cases, by metric name (`ndcg@10`).
        intervals: 95 % bootstrap interval of each mean, `(low, high)`.
        segments: The means within each named part of the cases (`cold`, `light`, `heavy`), plus `cases`, their number.
        case_ids: `(cases,)` int, which case each row of `per_case` belongs to, ascending.
        per_case: Each metric's value for each case, `(cases,)` float64, so that two models can be paired.
        seconds: How long scoring took.
        members: Which cases belong to each segment, `(cases,)` bool, so that segments can be paired too.
        shown: What the lists show; `None` for a workload without lists.
    """

    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    segments: Mapping[str, Mapping[str, float]]
    case_ids: NDArray[np.int64]
    per_case: Mapping[str, NDArray[np.float64]]
    seconds: float = 0.0
    members: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    shown: Shown | None = None


Data_contra = TypeVar("Data_contra", contravariant=True)
Model = TypeVar("Model")
M = TypeVar("M")


@dataclass(frozen=True)
class Fitted(Generic[M]):
    """A model just learnt, and how the learning went.

    Attributes:
        model: The model.
        hyperparameters: What it was in fact trained with, defaults filled in.
        losses: The objective after each iteration, where the method has one.
    """

    model: M
    hyperparameters: Mapping[str, object] = field(default_factory=dict)
    losses: tuple[float, ...] = ()


class Workload(Protocol[Data_contra, Model]):
    """One kind of model: fit, evaluate, save, load.

    The data is a frozen snapshot that carries its own split: a workload fits on the training part alone and scores on
    the hold-out alone. An image classifier fits as well as a recommender does: its data are labelled images, its
    cases are images, its baselines the majority class.
    """

    @property
    def name(self) -> str:
        """The workload's name in manifests (`recommender`, `vision`)."""
        ...

    @property
    def primary_metric(self) -> str:
        """The metric that gates judge by."""
        ...

    @property
    def primary_baseline(self) -> str:
        """The baseline that gates hold every candidate against (`popularity`, `majority`)."""
        ...

    @property
    def recipe(self) -> Mapping[str, object]:
        """What is asked of a training, as plain values; two trainings of one recipe differ by data and chance alone."""
        ...

    def fit(self, data: Data_contra, *, progress: Progress = silent) -> Fitted[Model]:
        """Learn from the training part."""
        ...

    def baselines(self, data: Data_contra) -> Mapping[str, Model]:
        """Cheap models that any candidate must beat, learnt from the same training part."""
        ...

    def evaluate(self, model: Model, data: Data_contra, *, progress: Progress = silent) -> Evaluation:
        """Score a model on the hold-out; also one that was trained on another snapshot of the same dataset."""
        ...

    def save(self, model: Model, folder: Path) -> None:
        """Write the model as plain arrays and tables; never as pickled objects."""
        ...

    def load(self, folder: Path) -> Model:
        """Read and validate a model whose files have already been verified, memory-mapped where that pays.

        Raises:
            Refused: `model_invalid` if the arrays contradict each other or hold values that are not finite.
        """
        ...
