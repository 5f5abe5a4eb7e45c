"""A process that runs jobs by its side, as a server does, for tests that kill it."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

from tacit.adapters.process_runner import ProcessRunner
from tests.job_benches import KEEP_SECONDS, host_of, keeper_of, opened


def main() -> None:
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    with opened(Path(os.environ["JOB_HOME"])) as book:
        runner = ProcessRunner(book, host_of(book), poll_seconds=0.1)
        keeper = keeper_of(book, runner)
        runner.start()
        while not over.wait(KEEP_SECONDS):
            keeper.tick()
        runner.close()


if __name__ == "__main__":
    main()
