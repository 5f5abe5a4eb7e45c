"""What keeping A/B tests takes of a server, and which versions one may show to users."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest

from tacit.bootstrap.ab import Over, _passed_its_gate, resting
from tacit.errors import Refused
from tests.registries import Bench, memory_bench


class Waits(threading.Event):
    """Remembers for how long somebody would have waited."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout or 0.0)
        return self.is_set()


def test_work_beside_answering_rests_nine_times_as_long_after_every_bit_of_it() -> None:
    over = Waits()
    rest = resting(over)

    rest(0.25)
    rest(0.5)

    assert over.seconds == [2.25, 4.5]


def test_whoever_rests_while_the_server_ends_goes_no_further() -> None:
    over = Waits()
    over.set()

    with pytest.raises(Over):
        resting(over)(1.0)


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
