"""What each layer of an answer costs, told apart by the functions in which a request passes from one to the next.

A clock runs for one layer at a time: entering a function of a layer stops that of whoever called it.  What belongs to
none is the server's: reading the head and the body, the loop, writing.  Each function is looked up by name, so that one
that moves is noticed; how often clocks were changed, which costs some time itself, is told as well.
"""

from __future__ import annotations

import functools
import importlib
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

SERVER = "HTTP server"
POINTS: Mapping[str, Sequence[str]] = {
    "who asks": (
        "tacit.entrypoints.api.list_window:Passage.enter",
        "tacit.entrypoints.api.question_window:QuestionWindow.asked_again",
        "tacit.entrypoints.api.checkpoints:pass_all",
        "tacit.entrypoints.api.guarding:Requires.check",
    ),
    "limits": (
        "tacit.entrypoints.api.counting_again:CountedAgain.__call__",
        "tacit.entrypoints.api.guards:LimitCheckpoint.enter",
    ),
    "cache": (
        "tacit.serving.ready_answers:ReadyAnswers.get",
        "tacit.serving.ready_answers:ReadyAnswers.keep",
        "tacit.serving.recommend:RecommendationService.rests_on",
        "tacit.serving.recommend:RecommendationService.is_at_hand",
        "tacit.serving.kept_lists:KeptLists.answer",
    ),
    "what is asked": (
        "tacit.entrypoints.api.parameters:Query.of",
        "tacit.entrypoints.api.rules:rules_of",
        "tacit.entrypoints.api.body_fields:known_fields",
        "tacit.entrypoints.api.body_fields:ids",
        "tacit.serving.quick_reranking:QuickReranking.question",
    ),
    "the user": (
        "tacit.serving.list_making:ListMaking.profile",
        "tacit.serving.retrieval:spoken",
    ),
    "rules": (
        "tacit.serving.list_making:ListMaking.question",
        "tacit.serving.shaping:shaped_answer",
        "tacit.serving.reranking:sort_out",
        "tacit.serving.quick_reranking:QuickReranking._sorted_out",
    ),
    "retrieval": (
        "tacit.serving.retrieval:by_taste",
        "tacit.serving.retrieval:by_similarity",
        "tacit.serving.candidates:scores_by_taste",
    ),
    "reasons": ("tacit.serving.reasons:explain", "tacit.serving.reasons:strongest_reasons"),
    "chain": (
        "tacit.serving.recommend:RecommendationService.for_user",
        "tacit.serving.recommend:RecommendationService.similar",
        "tacit.serving.reranking:Reranking.for_user",
        "tacit.serving.quick_reranking:QuickReranking.answer",
        "tacit.serving.retrieval:recommendations",
    ),
    "what was shown": (
        "tacit.serving.telling:Telling.told",
        "tacit.serving.telling:Telling.repeated",
        "tacit.serving.telling:Telling.shown",
    ),
    "serialisation": (
        "tacit.entrypoints.api.rendering:answer_body",
        "tacit.entrypoints.api.rendering:json_response",
        "tacit.entrypoints.api.rendering:columns_response",
        "tacit.serving.native_texts:NativeTexts.written",
    ),
    "counts, log and trail": (
        "tacit.entrypoints.api.checkpoints:leave_all",
        "tacit.entrypoints.api.list_window:ListWindow.tell",
        "tacit.entrypoints.api.door:note_answer",
        "tacit.entrypoints.api.door:note_answers",
    ),
}
"""The functions of each layer."""


class Layers:
    """Clocks, one of which runs at a time in one thread.

    Args:
        clock: Passing time in nanoseconds.
    """

    def __init__(self, clock: Callable[[], int] = time.perf_counter_ns) -> None:
        self._clock = clock
        self._spent: dict[str, int] = {}
        self._running: list[str] = []
        self._since = 0
        self.changes = 0

    def begin(self) -> None:
        """Start with the server's own clock."""
        self._spent, self._running, self.changes = {}, [SERVER], 0
        self._since = self._clock()

    def end(self) -> dict[str, int]:
        """What each clock shows, in nanoseconds."""
        self._note()
        self._running = []
        return self._spent

    def timed(self, layer: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function during which the clock of a layer runs; a coroutine may not wait in it."""

        @functools.wraps(function)
        def within(*given: Any, **named: Any) -> Any:
            if not self._running:
                return function(*given, **named)
            self._enter(layer)
            try:
                return function(*given, **named)
            finally:
                self._leave()

        return within

    def timed_coroutine(self, layer: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same of a function that is awaited."""

        @functools.wraps(function)
        async def within(*given: Any, **named: Any) -> Any:
            if not self._running:
                return await function(*given, **named)
            self._enter(layer)
            try:
                return await function(*given, **named)
            finally:
                self._leave()

        return within

    def _enter(self, layer: str) -> None:
        self._note()
        self._running.append(layer)

    def _leave(self) -> None:
        self._note()
        if len(self._running) > 1:
            self._running.pop()

    def _note(self) -> None:
        now, layer = self._clock(), self._running[-1]
        self._spent[layer] = self._spent.get(layer, 0) + now - self._since
        self._since = now
        self.changes += 1


def install(layers: Layers) -> None:
    """Have the clocks run in every module that holds one of the functions."""
    for layer, points in POINTS.items():
        for point in points:
            module, _, path = point.partition(":")
            owner: Any = importlib.import_module(module)
            *outer, name = path.split(".")
            for each in outer:
                owner = getattr(owner, each)
            _replace(owner, name, layer, layers=layers)


def _replace(owner: Any, name: str, layer: str, *, layers: Layers) -> None:
    raw = vars(owner)[name]
    function = raw.__func__ if isinstance(raw, classmethod) else raw
    is_awaited = function.__code__.co_flags & 0x80
    made = (layers.timed_coroutine if is_awaited else layers.timed)(layer, function)
    if isinstance(owner, type):
        setattr(owner, name, classmethod(made) if isinstance(raw, classmethod) else made)
        return
    for module in list(sys.modules.values()):
        if getattr(module, "__name__", "").startswith("tacit.") and vars(module).get(name) is raw:
            setattr(module, name, made)
