"""What a candidate does before any user meets it: it answers on the spot, and what others were asked is asked of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from tacit.errors import TacitError

_ASKED = 100
"""Users whose answers are timed."""

_TRIES = 4
"""How often a question is asked at most; whatever else the machine does only adds, so that the quickest try counts."""

QUICK_SECONDS = 0.005
"""What is answered within this is not asked again, and not told apart: a busy machine makes of it what it likes."""

_LIST = 10

Model = Any


class Recorded(Protocol):
    """A request that was really answered, as the record of exposures keeps it."""

    @property
    def user_id(self) -> str | None:
        """Who asked; `None` for somebody unknown."""
        ...

    @property
    def item_ids(self) -> tuple[str, ...]:
        """What they were shown."""
        ...


@dataclass(frozen=True)
class Answer:
    """What a model answers to one request.

    Attributes:
        item_ids: The items, the best first.
        scores: What they are ordered by.
        is_personal: Whether it rests on the user's own taste; scores of others are no likings.
    """

    item_ids: tuple[str, ...]
    scores: tuple[float, ...]
    is_personal: bool = True


class Stage(Protocol):
    """What a rehearsal needs of whoever serves such models."""

    def scratch(self) -> AbstractContextManager[Path]:
        """An empty folder, which is gone afterwards, on the disk that versions are kept on."""
        ...

    def users(self, model: Model) -> Sequence[str]:
        """Whom a model knows."""
        ...

    def answer(self, model: Model, user_id: str, count: int) -> Answer:
        """A model's answer to somebody, worked out as a server would; to somebody it does not know, what is popular."""
        ...

    def memory_bytes(self, model: Model) -> int:
        """What a model that has answered takes in memory."""
        ...

    def recorded(self, limit: int) -> Sequence[Recorded]:
        """The latest requests that were answered, newest first.

        Raises:
            Unavailable: Not now.
        """
        ...


@dataclass(frozen=True)
class Cost:
    """What answering with a model takes.

    Attributes:
        p95_seconds: Time within which 95 % of answers were worked out, one at a time.
        answers: How many were timed.
        size_bytes: What its files take.
        memory_bytes: What it takes in memory.
        problem: Why it could not be measured, or did not answer; empty where all went well.
    """

    p95_seconds: float
    answers: int
    size_bytes: float
    memory_bytes: float
    problem: str = ""

    @classmethod
    def unknown(cls, problem: str) -> Cost:
        """That of a model that could not be loaded at all."""
        nothing = float("nan")
        return cls(nothing, 0, nothing, nothing, problem=problem)


@dataclass(frozen=True)
class Replay:
    """What a model answered to requests that others had answered before.

    Attributes:
        requests: How many there were.
        failed: Of these, those it did not answer: an error, no item at all, or scores that are not finite.
        p95_seconds: Time within which 95 % were answered; NaN for none.
        overlap: Mean share of the items shown then that it would show now; NaN for none.
        score_shift: Mean absolute difference between its scores and the champion's of items in the lists of both; NaN
            where there is no such item.
        problem: The first that went wrong, or why nothing could be asked; empty where all went well.
    """

    requests: int = 0
    failed: int = 0
    p95_seconds: float = float("nan")
    overlap: float = float("nan")
    score_shift: float = float("nan")
    problem: str = ""


def measured(model: Model, folder: Path, *, stage: Stage) -> Cost:
    """What answering with a model takes, whose files are in a folder."""
    size = float(sum(path.stat().st_size for path in folder.iterdir()))
    known = stage.users(model)
    asked = [known[place] for place in np.linspace(0, len(known) - 1, _ASKED).astype(int)] if len(known) else []
    try:
        seconds = [_answered(model, user_id, _LIST, stage=stage)[1] for user_id in asked]
        memory = float(stage.memory_bytes(model))
    except Exception as error:
        return Cost(float("nan"), 0, size, float("nan"), problem=told(error))
    return Cost(_p95(seconds), len(asked), size, memory)


def replayed(model: Model, limit: int, *, stage: Stage, champion: Model | None = None) -> Replay:
    """Ask a model what users asked lately, so many times at most."""
    try:
        recorded = [each for each in stage.recorded(limit) if each.user_id is not None and each.item_ids]
    except TacitError as error:
        return Replay(problem=told(error))
    asked = [_asked(model, each, stage=stage, champion=champion) for each in recorded]
    if not asked:
        return Replay()
    problems = [each.problem for each in asked if each.problem]
    return Replay(
        requests=len(asked),
        failed=len(problems),
        p95_seconds=_p95([each.seconds for each in asked]),
        overlap=_mean([each.overlap for each in asked]),
        score_shift=_mean([shift for each in asked for shift in each.shifts]),
        problem=problems[0] if problems else "",
    )


def told(error: Exception) -> str:
    """An error in a few words; what it says may come from the data."""
    said = error.detail if isinstance(error, TacitError) else f"{type(error).__name__}: {error}"
    return ascii(said)[1:-1][:120]


@dataclass(frozen=True)
class _Asked:
    seconds: float
    overlap: float = 0.0
    shifts: tuple[float, ...] = ()
    problem: str = ""


def _asked(model: Model, request: Recorded, *, stage: Stage, champion: Model | None) -> _Asked:
    """One recorded request, asked again."""
    shown, user_id = request.item_ids, str(request.user_id)
    try:
        answer, seconds = _answered(model, user_id, len(shown), stage=stage)
    except Exception as error:
        return _Asked(float("nan"), problem=told(error))
    if not answer.item_ids:
        return _Asked(seconds, problem="no item at all")
    if not all(map(isfinite, answer.scores)):
        return _Asked(seconds, problem="scores that are not finite")
    overlap = len(set(shown) & set(answer.item_ids)) / len(shown)
    return _Asked(seconds, overlap, _shifts(answer, user_id, stage=stage, champion=champion))


def _shifts(answer: Answer, user_id: str, *, stage: Stage, champion: Model | None) -> tuple[float, ...]:
    """How far the scores are from the champion's, for items both list; a champion that fails is no fault of ours."""
    if champion is None or not answer.is_personal:
        return ()
    try:
        other = stage.answer(champion, user_id, len(answer.item_ids))
    except Exception:
        return ()
    if not other.is_personal:
        return ()
    theirs = dict(zip(other.item_ids, other.scores, strict=True))
    ours = zip(answer.item_ids, answer.scores, strict=True)
    return tuple(abs(score - theirs[item_id]) for item_id, score in ours if item_id in theirs)


def _answered(model: Model, user_id: str, count: int, *, stage: Stage) -> tuple[Answer, float]:
    """A model's answer, and the seconds its quickest try took."""
    quickest = float("inf")
    for _ in range(_TRIES):
        started = time.perf_counter()
        answer = stage.answer(model, user_id, count)
        quickest = min(quickest, time.perf_counter() - started)
        if quickest <= QUICK_SECONDS:
            break
    return answer, quickest


def _p95(seconds: Sequence[float]) -> float:
    """The 95 % quantile of the times that are known; NaN for none."""
    known = [each for each in seconds if isfinite(each)]
    return float(np.quantile(known, 0.95)) if known else float("nan")


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
