"""The harness runs sides in turns, tells work from waiting, and ends with one object that says how it was come by."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import _machine
from benchmarks._harness import Benchmark, Options, Outcome, interleaved, ratio_of, record, rounded, run
from benchmarks._meter import Meter, descendants
from benchmarks._worker import SideFailed, run_side

SIDES = "tests.unit.benchmarks.sides"
KEYS = ["name", "figure", "unit", "goal", "holds", "floor", "peers", "machine", "details"]


def benchmark(outcome: Outcome) -> Benchmark:
    return Benchmark("sample", "How much is it?", lambda _: outcome)


def printed(capsys: pytest.CaptureFixture[str], outcome: Outcome, *words: str) -> dict[str, object]:
    run(benchmark(outcome), ["--json", *words])
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_sides_run_in_turns_and_take_turns_at_going_first() -> None:
    order: list[tuple[str, int]] = []

    def side(name: str, pair: int) -> int:
        order.append((name, pair))
        return pair

    found = interleaved({name: lambda pair, name=name: side(name, pair) for name in "AB"}, 3)

    assert order == [("A", 0), ("B", 0), ("B", 1), ("A", 1), ("A", 2), ("B", 2)]
    assert found == {"A": [0, 1, 2], "B": [0, 1, 2]}


def test_the_last_line_is_one_object_with_everything_in_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks._machine.timer_is_sane", lambda: True)  # which a busy machine may make false
    outcome = Outcome(1 / 3, "s", "<= 1", {"at most 1": True}, peers={"implicit": None}, details={"seen": [0.1234567]})

    found = printed(capsys, outcome, "--scale", "0.5", "--data", "/some/where")

    assert list(found) == KEYS
    assert found["figure"] == 0.33333
    assert found["holds"] is True
    assert found["peers"] == {"implicit": None}
    assert found["details"]["command"] == "python -m benchmarks sample --scale 0.5 --data …"
    assert found["details"]["seen"] == [0.12346]
    assert {"cpu", "cores", "blas", "commit", "date", "load_before", "load_after"} <= set(found["machine"])


@pytest.mark.parametrize("checks", [{}, {"fast": True, "right": None}, {"fast": True, "right": False}])
def test_what_was_not_seen_to_hold_does_not_hold(
    capsys: pytest.CaptureFixture[str], checks: dict[str, bool | None]
) -> None:
    assert printed(capsys, Outcome(1.0, "s", "", checks))["holds"] is False


def test_a_result_is_recorded_under_its_name_and_replaced_by_the_next(tmp_path: Path) -> None:
    record({"name": "sample", "figure": 1}, tmp_path)
    path = record({"name": "sample", "figure": 2}, tmp_path)

    assert [each.name for each in tmp_path.iterdir()] == ["sample.json"]
    assert json.loads(path.read_text("utf-8"))["figure"] == 2


def test_a_side_in_its_own_process_is_metered_without_its_pauses() -> None:
    reading = run_side(f"{SIDES}:waiting", {"seconds": 0.3, "megabytes": 40}, threads=1)

    assert reading.result["total"] == 2 * 40 << 17
    assert 0 < reading.wall <= reading.result["elapsed"] - 0.3
    assert 0 < reading.cpu < reading.wall + 0.1
    # What stood before the clock counts as held, what came after as the peak above it.
    assert reading.held_bytes > 40e6
    assert 40e6 < reading.peak_bytes - reading.held_bytes < 60e6


def test_the_peak_of_a_side_is_not_that_of_whoever_started_it() -> None:
    ballast = np.ones(300 << 17)

    reading = run_side(f"{SIDES}:waiting", {"seconds": 0.0, "megabytes": 1}, threads=1)

    assert reading.peak_bytes < 150e6 < ballast.nbytes


def test_a_side_that_fails_says_why() -> None:
    with pytest.raises(SideFailed, match="no such luck"):
        run_side(f"{SIDES}:failing", {}, threads=1)


def test_a_meter_that_stands_still_cannot_be_paused() -> None:
    with pytest.raises(RuntimeError, match="stands still"):
        Meter().pause()


def test_work_of_all_threads_counts_and_waiting_does_not() -> None:
    assert _machine.timer_is_sane()
    assert descendants() == []


def test_the_ratio_is_the_median_over_the_pairs() -> None:
    assert ratio_of([1.0, 2.0, 1.0], [10.0, 10.0, 30.0]) == 10.0


def test_floats_are_cut_and_everything_else_is_left_alone() -> None:
    assert rounded({"a": [1.23456789, 5], "b": {"c": None, "d": True}}) == {
        "a": [1.2346, 5],
        "b": {"c": None, "d": True},
    }


def test_the_floors_of_the_machine_are_measured() -> None:
    found = _machine.floors(threads=1, scale=0.001)

    assert set(found) == {"gb_per_s_1", "gb_per_s_all", "gflop_per_s_1", "gflop_per_s_all"}
    assert min(found.values()) > 0


def test_a_benchmark_keeps_its_own_arguments_beside_the_shared_ones(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[Options] = []

    def measure(options: Options) -> Outcome:
        seen.append(options)
        return Outcome(None, "", "", {})

    sample = Benchmark(
        "sample", "?", measure, lambda parser: parser.add_argument("--extra", type=int) and None, pairs=3
    )
    run(sample, ["--extra", "7"])

    assert (seen[0].extra, seen[0].pairs, seen[0].scale) == (7, 3, 1.0)
    assert json.loads(capsys.readouterr().out)["figure"] is None
