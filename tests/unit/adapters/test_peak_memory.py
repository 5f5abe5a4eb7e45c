"""The memory that a piece of work took: its own peak, not that of what came before."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from tacit.adapters.peak_memory import PeakMemory

MIB = 2**20


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of its high-water mark")
def test_the_peak_is_that_of_the_work_and_not_of_what_came_before_it() -> None:
    meter = PeakMemory()
    meter.start()
    large = np.ones(200 * MIB, np.uint8)
    with_it = meter.peak()
    del large

    meter.start()
    without_it = meter.peak()

    if with_it is None or without_it is None:
        pytest.skip("the kernel lets nobody set the mark back here")
    assert with_it - without_it > 150 * MIB


def test_where_the_mark_cannot_be_set_back_no_number_is_told(tmp_path: Path) -> None:
    (tmp_path / "status").write_text("VmHWM:\t  1024 kB\n")
    meter = PeakMemory(tmp_path / "nowhere")
    meter.start()
    assert meter.peak() is None

    unreset = PeakMemory(tmp_path)
    assert unreset.peak() is None
    unreset.start()
    assert unreset.peak() == MIB
