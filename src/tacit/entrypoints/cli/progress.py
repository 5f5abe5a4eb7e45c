"""Showing that work goes on: bars where stderr is a terminal, else a line per step with its time."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from tacit.data.interfaces import Progress

HEARTBEAT_SECONDS = 10.0
"""How long a step may be silent where there are no bars."""

TELLING_SECONDS = 2.0
"""A step that took less is not worth a line."""


@contextmanager
def shown_progress(stream: TextIO | None = None) -> Iterator[Progress]:
    """A `Progress` that a person can follow, on stderr unless another stream is given."""
    stream = stream or sys.stderr
    if not stream.isatty():
        lines = StepLines(stream)
        try:
            yield lines
        finally:
            lines.finish()
        return
    with _bars(stream) as progress:
        yield progress


class StepLines:
    """A `Progress` that writes a line when a step worth telling is done, and now and then while a long one runs."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._step: str | None = None
        self._started = self._told = clock()

    def __call__(self, step: str, share: float) -> None:
        now = self._clock()
        if step != self._step:
            self.finish()
            self._step, self._started, self._told = step, now, now
        elif now - self._told >= HEARTBEAT_SECONDS:
            self._told = now
            self._write(f"{step}: {share:.0%} after {now - self._started:.0f} s")

    def finish(self) -> None:
        """End the last step."""
        seconds = self._clock() - self._started
        if self._step is not None and seconds >= TELLING_SECONDS:
            self._write(f"{self._step}: {seconds:.1f} s")
        self._step = None

    def _write(self, line: str) -> None:
        self._stream.write(f"  {line}\n")
        self._stream.flush()


@contextmanager
def _bars(stream: TextIO) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("  {task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    with Bars(*columns, console=Console(file=stream)) as bars:
        task = bars.add_task("…", total=1.0)
        done = 0.0

        def progress(step: str, share: float) -> None:
            nonlocal task, done
            if share < done:
                # Something else begins: what was under way is complete, and the next bar goes below it.
                bars.update(task, completed=1.0)
                task = bars.add_task(step, total=1.0)
            done = share
            bars.update(task, completed=share, description=step)

        yield progress
        bars.update(task, completed=1.0)
