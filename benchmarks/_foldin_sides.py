"""What runs in the process of the benchmark `foldin`: ways to solve one row, in turns, on one thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from benchmarks import _factors, _ours, _peers
from benchmarks._harness import interleaved, middle
from benchmarks._meter import Meter, cpu_seconds

Floats = NDArray[np.float32]
Solve = Callable[[int], Floats]


@dataclass(frozen=True)
class Problem:
    """Rows to fold in against item factors.

    Attributes:
        item_factors: `(n, k)` float32.
        items: `(rows, events)` int32, ascending.
        weights: `(rows, events)` float32 > 0.
        alpha: Mean weight in training.
        share: The regularisation.
    """

    item_factors: Floats
    items: NDArray[np.int32]
    weights: Floats
    alpha: float
    share: float

    @property
    def ridge(self) -> float:
        """`λ_u`, the same for all rows, for they have as many events."""
        return float(self.share * (self.alpha * self.items.shape[1] + len(self.item_factors)))

    def exact(self, row: int) -> NDArray[np.float64]:
        """The solution in float64, by LAPACK."""
        near = self.item_factors[self.items[row]].astype(np.float64)
        weights = self.weights[row].astype(np.float64)
        system = self._gram + (near.T * weights) @ near + self.ridge * np.eye(near.shape[1])
        return np.asarray(np.linalg.solve(system, near.T @ (1 + weights)))

    @cached_property
    def _gram(self) -> NDArray[np.float64]:
        wide = self.item_factors.astype(np.float64)
        return np.asarray(wide.T @ wide)


def compare(meter: Meter, *, folder: str, events: int, rows: int, rounds: int) -> dict[str, Any]:
    """Microseconds a row of each way, and how far it is from the exact solution at most, relative to its norm."""
    problem = _problem(Path(folder), events=events, rows=rows)
    ways: dict[str, Solve] = {"tacit": _tacit(problem), "numpy": _numpy(problem), "scipy": _scipy(problem)}
    if _peers.missing("implicit") is None:
        ways["implicit"] = _implicit(problem)
    exact = _exact(problem, min(rows, 50))
    with meter.running():
        turns = interleaved({name: _timing(solve, rows) for name, solve in ways.items()}, rounds)
        batched = interleaved({"tacit": lambda _: _batch(problem)}, rounds)["tacit"]
    found: dict[str, Any] = {}
    for name, each in turns.items():
        latencies = np.concatenate([spent for spent, _ in each])
        found[name] = {
            "p50_us": 1e6 * float(np.median(latencies)),
            "p99_us": 1e6 * float(np.quantile(latencies, 0.99)),
            "cpu_us": 1e6 * middle([cpu / rows for _, cpu in each]),
            "error": _error([ways[name](row) for row in range(len(exact))], exact),
        }
    solved = batched[0][2]
    found["tacit_batched"] = {
        "us_per_row": 1e6 * middle([seconds / rows for seconds, _, _ in batched]),
        "cpu_us": 1e6 * middle([cpu / rows for _, cpu, _ in batched]),
        "error": _error(list(solved), exact),
    }
    return {"ways": found, "items": len(problem.item_factors), "factors": problem.item_factors.shape[1]}


def _problem(folder: Path, *, events: int, rows: int) -> Problem:
    """Rows of so many events each: items drawn by popularity, weights as heavy-tailed as those trained on."""
    _, item_factors = _factors.load(folder)
    alpha, share = _factors.settings(folder)
    random = np.random.default_rng(5)
    popularity = np.arange(1, len(item_factors) + 1) ** -0.7
    items = np.stack([np.sort(_drawn(random, popularity, events)) for _ in range(rows)])
    weights = alpha * random.lognormal(-0.3, 0.8, items.shape)
    return Problem(item_factors, items.astype(np.int32), weights.astype(np.float32), alpha, share)


def _drawn(random: np.random.Generator, popularity: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Different positions, each the likelier the more popular: the smallest exponential arrival times win."""
    arrival = random.exponential(size=len(popularity)) / popularity
    return np.argpartition(arrival, count)[:count]


def _timing(solve: Solve, rows: int) -> Callable[[int], tuple[NDArray[np.float64], float]]:
    def turn(_: int) -> tuple[NDArray[np.float64], float]:
        latencies = np.empty(rows)
        cpu = cpu_seconds()
        for row in range(rows):
            started = time.perf_counter()
            solve(row)
            latencies[row] = time.perf_counter() - started
        return latencies, cpu_seconds() - cpu

    return turn


def _exact(problem: Problem, rows: int) -> list[NDArray[np.float64]]:
    return [problem.exact(row) for row in range(rows)]


def _error(solved: list[Floats], exact: list[NDArray[np.float64]]) -> float:
    pairs = zip(solved, exact, strict=False)
    return max(float(np.linalg.norm(found - right) / np.linalg.norm(right)) for found, right in pairs)


def _tacit(problem: Problem) -> Solve:
    engine = _ours.engine(1)
    side = _ours.side(problem.item_factors, alpha=problem.alpha, share=problem.share)
    return lambda row: engine.solve_row(side, problem.items[row], problem.weights[row])


def _batch(problem: Problem) -> tuple[float, float, Floats]:
    """All rows at once: seconds, CPU seconds and the solutions."""
    side = _ours.side(problem.item_factors, alpha=problem.alpha, share=problem.share)
    rows, events = problem.items.shape
    parts = (problem.weights.ravel(), problem.items.ravel(), np.arange(0, rows * events + 1, events))
    matrix = _ours.matrix_of(sparse.csr_matrix(parts, shape=(rows, len(problem.item_factors))))
    started, cpu = time.perf_counter(), cpu_seconds()
    solved = _ours.engine(1).solve(side, matrix)
    return time.perf_counter() - started, cpu_seconds() - cpu, solved


def _numpy(problem: Problem) -> Solve:
    """The k x k system, put together and solved: what a program would do at first."""
    base = _base(problem)

    def solve(row: int) -> Floats:
        near, weights = problem.item_factors[problem.items[row]], problem.weights[row]
        return np.asarray(np.linalg.solve(base + (near.T * weights) @ near, near.T @ (1 + weights)))

    return solve


def _scipy(problem: Problem) -> Solve:
    """The same by Cholesky."""
    base = _base(problem)

    def solve(row: int) -> Floats:
        near, weights = problem.item_factors[problem.items[row]], problem.weights[row]
        factor = linalg.cho_factor(base + (near.T * weights) @ near, lower=True, overwrite_a=True, check_finite=False)
        return np.asarray(linalg.cho_solve(factor, near.T @ (1 + weights), check_finite=False))

    return solve


def _implicit(problem: Problem) -> Solve:
    """`recalculate_user` of implicit, its Cholesky kernel; the Gram matrix is kept by it."""
    from implicit.cpu.als import AlternatingLeastSquares

    rows, events = problem.items.shape
    k = problem.item_factors.shape[1]
    model = AlternatingLeastSquares(factors=k, regularization=problem.ridge, alpha=1.0, num_threads=1)
    model.item_factors = problem.item_factors
    pointers = np.array([0, events], np.int32)
    shape = (1, len(problem.item_factors))
    confidences = [
        sparse.csr_matrix((1 + problem.weights[row], problem.items[row], pointers), shape=shape) for row in range(rows)
    ]
    return lambda row: model.recalculate_user(0, confidences[row])


def _base(problem: Problem) -> Floats:
    """What all rows share: the Gram matrix and, since all have as many events, the ridge."""
    gram = problem.item_factors.T @ problem.item_factors
    return np.asarray(gram + np.float32(problem.ridge) * np.eye(len(gram), dtype=np.float32))
