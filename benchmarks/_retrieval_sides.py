"""What runs in the process of the benchmark `retrieval`: all contenders over one set of factors, in turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._factors import load
from benchmarks._harness import interleaved, middle
from benchmarks._meter import Meter, cpu_seconds, resident_bytes
from benchmarks._retrievers import CONTENDERS, Contender, Floats, Question, Search, recall

_RECALLED = 100
"""Queries that recall is measured on."""


def compare(
    meter: Meter, *, folder: str, contenders: list[str], queries: int, rounds: int, counts: list[int], excluded: int
) -> dict[str, Any]:
    """Latency, recall, build time and memory of each contender.

    Returns:
        By contender: `build_s`, `memory_mb`, `effort`, and under `top10`, `top100`, … and `filtered` what `_measured`
        tells; and the shape of the factors.
    """
    user_factors, item_factors = load(Path(folder))
    random = np.random.default_rng(7)
    known = np.flatnonzero(np.any(user_factors, axis=1))
    asked = np.ascontiguousarray(user_factors[random.choice(known, min(queries, len(known)), replace=False)])
    question = _question(item_factors, len(asked), excluded=excluded)
    with meter.running():
        found = {name: _built(name, item_factors, asked) for name in contenders}
        made: dict[str, Contender] = {name: each.pop("contender") for name, each in found.items()}
        for count in counts:
            searches = {name: contender.search for name, contender in made.items()}
            timings = _timed(searches, len(asked), rounds=rounds, count=count)
            for name, told in timings.items():
                told["recall"] = _recall(searches[name], item_factors, asked, count=count)
                found[name][f"top{count}"] = told
        filtered = {name: contender.filtered(question) for name, contender in made.items() if contender.filtered}
        for name, told in _timed(filtered, len(asked), rounds=rounds, count=10).items():
            told["recall"] = _recall(filtered[name], item_factors, asked, count=10, question=question)
            found[name]["filtered"] = told
    return {"contenders": found, "items": len(item_factors), "factors": item_factors.shape[1], "queries": len(asked)}


def _question(item_factors: Floats, queries: int, *, excluded: int) -> Question:
    """A tenth of the items may be found, and of all items each query excludes its own few thousand, at random."""
    random = np.random.default_rng(11)
    items = len(item_factors)
    width = min(excluded, items // 4)
    banned = np.stack([random.choice(items, width, replace=False) for _ in range(queries)]).astype(np.int32)
    return Question(banned, random.random(items) < 0.1)


def _built(name: str, item_factors: Floats, queries: Floats) -> dict[str, Any]:
    """A contender, the seconds it took, and by how much the process grew, the factors themselves not counted."""
    held, started = resident_bytes(), time.perf_counter()
    contender = CONTENDERS[name](item_factors, queries)
    contender.search(0, min(10, len(item_factors)))
    seconds = time.perf_counter() - started
    grown = max(0, resident_bytes() - held) / 1e6
    return {"contender": contender, "build_s": seconds, "memory_mb": grown, "effort": contender.effort}


def _timed(searches: Mapping[str, Search], queries: int, *, rounds: int, count: int) -> dict[str, dict[str, Any]]:
    """Latencies over some rounds; in each round every contender answers all queries, one after the other."""

    def side(search: Search) -> Callable[[int], tuple[Any, float]]:
        return lambda _: _round(search, queries, count)

    turns = interleaved({name: side(search) for name, search in searches.items()}, rounds)
    found = {}
    for name, each in turns.items():
        latencies = np.concatenate([spent for spent, _ in each])
        found[name] = {
            "p50_ms": 1e3 * float(np.median(latencies)),
            "p99_ms": 1e3 * float(np.quantile(latencies, 0.99)),
            "cpu_ms": 1e3 * middle([cpu / queries for _, cpu in each]),
            "p50_ms_of_rounds": [1e3 * float(np.median(spent)) for spent, _ in each],
        }
    return found


def _round(search: Search, queries: int, count: int) -> tuple[Any, float]:
    latencies = np.empty(queries)
    cpu = cpu_seconds()
    for query in range(queries):
        started = time.perf_counter()
        search(query, count)
        latencies[query] = time.perf_counter() - started
    return latencies, cpu_seconds() - cpu


def _recall(
    search: Search, item_factors: Floats, queries: Floats, *, count: int, question: Question | None = None
) -> float:
    """The mean over some queries; below 1 also where fewer items were found than there are."""
    found = []
    for query in range(min(_RECALLED, len(queries))):
        allowed = None if question is None else question.remaining(query)
        items = np.asarray(search(query, count))
        possible = min(count, len(item_factors) if allowed is None else len(allowed))
        right = recall(items, item_factors, queries[query], allowed=allowed) if len(items) else 0.0
        found.append(right * len(items) / max(possible, 1))
    return float(np.mean(found))
