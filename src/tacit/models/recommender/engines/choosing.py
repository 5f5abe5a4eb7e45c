"""Which engine runs, and on how many threads: native where it was built, NumPy elsewhere, with a word about it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from tacit.errors import Misconfigured
from tacit.models.recommender.engines.interfaces import Engine
from tacit.models.recommender.engines.matrix import Matrix
from tacit.models.recommender.engines.numpy_engine import NumpyEngine

_FIX = "Install a C++ compiler and reinstall the package (`make setup` in a checkout), or set als.engine to numpy."

NAMES = ("auto", "native", "numpy")
"""What may be asked for."""


def unheard(notice: str) -> None:
    """For whoever does not want to know that the engine is the slower one."""


def choose_engine(name: str = "auto", threads: int | None = None, *, notify: Callable[[str], None] = unheard) -> Engine:
    """The engine of that name; `auto` takes the native one where it works.

    Args:
        name: `auto`, `native` or `numpy`.
        threads: At most so many; `None` takes all that this process may use.
        notify: Told, in one sentence, when `auto` had to fall back: why, and what to do about it.

    Raises:
        Misconfigured: `engine_unknown` for another name, `threads_invalid` below 1, `engine_unavailable` where
            `native` was asked for and does not run here.
    """
    if name not in NAMES:
        raise Misconfigured(
            "engine_unknown", f"No engine is called {name!r}.", field="als.engine", fix=f"Choose {', '.join(NAMES)}."
        )
    allowed = usable_threads(threads)
    if name == "numpy":
        return NumpyEngine()
    try:
        return _native(allowed)
    except Exception as problem:  # a broken extension fails as it likes, and must not stop the platform
        if name == "native":
            raise _unavailable(problem) from problem
        notify(f"The native engine does not run here ({_said(problem)}), so NumPy's trains, many times slower. {_FIX}")
        return NumpyEngine()


def usable_threads(asked: int | None = None) -> int:
    """The processors that this process may use, at most as many as asked for; `threads_invalid` below 1."""
    if asked is not None and asked < 1:
        raise Misconfigured(
            "threads_invalid", f"{asked} threads cannot work.", field="als.threads", fix="Allow at least 1."
        )
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return available if asked is None else min(asked, available)


def _native(threads: int) -> Engine:
    """The native engine, once it has turned a small matrix round.

    It is imported here alone, and late: where the extension is missing, importing this module must still work.
    """
    from tacit.models.recommender.engines.native_engine import NativeEngine

    engine: Any = NativeEngine(threads)
    corner = Matrix.trusted(np.array([0, 1]), np.array([1]), np.ones(1, np.float32), columns=2)
    if engine.transpose(corner).indptr.tolist() != [0, 0, 1]:
        raise RuntimeError("it miscalculates")
    chosen: Engine = engine
    return chosen


def _unavailable(problem: Exception) -> Misconfigured:
    return Misconfigured(
        "engine_unavailable", f"The native engine does not run here: {_said(problem)}.", field="als.engine", fix=_FIX
    )


def _said(problem: Exception) -> str:
    return str(problem).rstrip(".") or type(problem).__name__
