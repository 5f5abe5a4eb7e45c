"""What keeping A/B tests takes of a server, and which versions one may show to users."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tacit.bootstrap.ab import _passed_its_gate, sparing
from tacit.errors import Refused
from tests.registries import Bench, memory_bench


def test_work_that_takes_long_is_passed_over_until_it_has_rested_nine_times_as_long() -> None:
    now, began = 0.0, list[float]()

    def work() -> None:
        nonlocal now
        began.append(now)
        now += 10

    spared = sparing(work, timer=lambda: now)
    for _ in range(8):
        spared()
        now += 30

    assert began == [0, 100, 200]


def test_work_that_fails_rests_as_well_and_says_so() -> None:
    now, tries = 0.0, 0

    def work() -> None:
        nonlocal now, tries
        now, tries = now + 10, tries + 1
        raise OSError("away")

    spared = sparing(work, timer=lambda: now)
    with pytest.raises(OSError, match="away"):
        spared()
    spared()

    assert tries == 1


def imported(here: Bench, there: Bench, file: Path) -> int:
    """The number here of a version that was made and judged there."""
    there.register(metrics={"ndcg@10": 0.125})
    with file.open("wb") as stream:
        there.exchange.write(stream, "recommender", 1, actor="ann")
    trusted = here.home / "keys" / "trusted"
    trusted.mkdir(parents=True)
    shutil.copy(there.home / "keys" / "signing.pub", trusted / "there.pub")
    with file.open("rb") as stream:
        return here.exchange.read(stream, "recommender", actor="ann", most_bytes=2**20).number


def test_a_verdict_from_elsewhere_counts_in_an_experiment_only_where_it_counts_at_all(tmp_path: Path) -> None:
    here, there = memory_bench(tmp_path / "here"), memory_bench(tmp_path / "there")
    number = imported(here, there, tmp_path / "one.tar")

    _passed_its_gate(here.registry, accepts_foreign=True)(number)
    with pytest.raises(Refused) as refusal:
        _passed_its_gate(here.registry, accepts_foreign=False)(number)

    assert refusal.value.code == "judged_elsewhere"
