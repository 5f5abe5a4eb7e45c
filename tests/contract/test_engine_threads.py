"""What every engine promises about threads: their number changes no bit of any result, and Ctrl-C reaches them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from tacit.models.recommender.engines.interfaces import Engine, Steps
from tacit.models.recommender.engines.matrix import Matrix
from tests.engines import ENGINES, RIDGE, random_factors, random_matrix, running

MATRIX = random_matrix(1, (900, 700), density=0.05)
ITEMS = random_factors(2, (700, 40))


@pytest.fixture(scope="module", params=ENGINES)
def name(request: pytest.FixtureRequest) -> str:
    with running(request.param):
        return str(request.param)


def bytes_of(matrix: Matrix) -> bytes:
    return matrix.indptr.tobytes() + matrix.indices.tobytes() + matrix.data.tobytes()


def half_stepped(engine: Engine, steps: Steps, told: list[float] | None = None) -> bytes:
    def hear(_: str, share: float) -> None:
        if told is not None:
            told.append(share)

    solved, fixed = random_factors(3, (900, 40)), ITEMS.copy()
    done = engine.half_step(solved, fixed, matrix=MATRIX, ridge=RIDGE, steps=steps, progress=hear)
    return solved.tobytes() + fixed.tobytes() + done.basis.tobytes() + np.float64(done.loss).tobytes()


@pytest.mark.parametrize("steps", [Steps(), Steps("cholesky")], ids=["cg", "cholesky"])
def test_portions_however_small_change_no_bit_of_a_half_step(
    name: str, monkeypatch: pytest.MonkeyPatch, steps: Steps
) -> None:
    with running(name, 1) as engine:
        whole = half_stepped(engine, steps)
    monkeypatch.setattr("tacit.models.recommender.engines.native_engine._PORTION", 1e4)
    told: list[float] = []

    for threads in (1, 3):
        with running(name, threads) as engine:
            assert half_stepped(engine, steps, told) == whole
    assert name == "numpy" or len(told) > 20


def turned(engine: Engine) -> bytes:
    factors = random_factors(4, (5_000, 40))
    engine.rotate(factors, np.linalg.qr(np.random.default_rng(5).normal(size=(40, 40)))[0])
    return factors.tobytes()


def folded_in(engine: Engine) -> bytes:
    return engine.solve(engine.fixed_side(ITEMS, RIDGE), MATRIX).tobytes()


def found(engine: Engine) -> bytes:
    index = engine.index(ITEMS)
    lists = index.search_many(
        random_factors(6, (900, 40)), 25, excluded=MATRIX, only=index.filter(np.arange(700) % 5 > 0)
    )
    return lists.items.tobytes() + lists.scores.tobytes()


def neighboured(engine: Engine) -> bytes:
    weights, scales = np.linspace(0.1, 2, 900, dtype=np.float32), np.linspace(0.5, 3, 700, dtype=np.float32)
    return bytes_of(
        engine.neighbours(
            MATRIX,
            engine.transpose(MATRIX),
            user_weights=weights,
            source_scales=scales,
            target_scales=scales,
            keep=30,
        )
    )


WORK: dict[str, Callable[[Engine], bytes]] = {
    "transpose": lambda engine: bytes_of(engine.transpose(MATRIX)),
    "half_step by gradients": lambda engine: half_stepped(engine, Steps("cg", 3, 1.5)),
    "half_step by Cholesky": lambda engine: half_stepped(engine, Steps("cholesky")),
    "rotate": turned,
    "solve": folded_in,
    "search_many": found,
    "neighbours": neighboured,
    "weighted_rows": lambda engine: bytes_of(engine.weighted_rows(MATRIX, engine.transpose(MATRIX))),
}


@pytest.mark.parametrize("work", WORK)
def test_the_number_of_threads_changes_no_bit(name: str, work: str) -> None:
    results = []
    for threads in (1, 2, 3):
        with threadpool_limits(threads, user_api="blas"), running(name, threads) as engine:
            results.append(WORK[work](engine))

    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("work", WORK)
def test_the_same_work_twice_gives_the_same_bytes(name: str, work: str) -> None:
    with running(name) as engine:
        assert WORK[work](engine) == WORK[work](engine)


def test_every_instruction_set_ranks_alike_to_the_bit() -> None:
    lists = []
    for each in ENGINES[1:]:
        with contextlib.suppress(pytest.skip.Exception), running(each) as engine:
            lists.append(found(engine))
    if not lists:
        pytest.skip("the native extension was not built")

    assert set(lists) == {lists[0]}


def test_an_index_may_be_asked_by_many_threads_at_once(name: str) -> None:
    queries = random_factors(7, (400, 40))
    with running(name, threads=1) as engine:
        index = engine.index(ITEMS)
        only = index.filter(np.arange(700) % 7 > 0)

        def ask(row: int) -> bytes:
            answer = index.search(queries[row], 20, excluded=np.arange(row, dtype=np.int32), only=only)
            return answer.items.tobytes() + answer.scores.tobytes()

        alone = [ask(row) for row in range(len(queries))]
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(ask, range(len(queries))))

    assert together == alone


TRAINING = """
    import signal, sys, time
    import numpy as np
    from tacit.models.recommender.engines.choosing import choose_engine
    from tacit.models.recommender.engines.interfaces import Ridge, Steps
    from tacit.models.recommender.engines.matrix import Matrix

    users, items, each, k = 60_000, 20_000, 50, 128
    generator = np.random.default_rng(1)
    columns = np.arange(each) * (items // each) + generator.integers(0, items // each, (users, each))
    matrix = Matrix.trusted(
        np.arange(users + 1) * each, columns.ravel(), np.ones(users * each, np.float32), columns=items
    )
    engine = choose_engine(sys.argv[1])
    turned = engine.transpose(matrix)
    left, right = (generator.normal(0, 0.1, (n, k)).astype(np.float32) for n in (users, items))
    ridge = Ridge(0.01, 1.0, 1.0)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started us in the background has it ignored
    print("training", flush=True)
    try:
        while True:
            engine.half_step(left, right, matrix=matrix, ridge=ridge, steps=Steps("cg", 3))
            engine.half_step(right, left, matrix=turned, ridge=ridge, steps=Steps("cg", 3))
    except KeyboardInterrupt:
        print(time.monotonic())
"""


def interrupted(engine: str, after_seconds: float) -> Iterator[float]:
    """How long a training goes on after Ctrl-C, three times over, in seconds."""
    for _ in range(3):
        command = [sys.executable, "-c", textwrap.dedent(TRAINING), engine]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as training:
            assert training.stdout is not None
            assert training.stdout.readline() == "training\n"
            time.sleep(after_seconds)
            sent = time.monotonic()
            training.send_signal(signal.SIGINT)
            try:
                rest, _ = training.communicate(timeout=60)
            finally:
                training.kill()
        assert training.returncode == 0
        yield float(rest) - sent


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_ctrl_c_stops_a_training_within_a_second(engine: str) -> None:
    with running("numpy" if engine == "numpy" else "native baseline"):
        pass

    # The machine may be busy with something else: one of three must show it.
    waits = interrupted(engine, after_seconds=0.7)

    assert any(wait < 1.0 for wait in waits)
