"""A process whose system calls start to fail: appends, has libfiu fail them, appends on, and tells what it was told.

Run by `fiu-run -x`: `python -m tests.faults.event_log_fiu FOLDER POINT ERRNO`, the point as libfiu names it.
"""

from __future__ import annotations

import ctypes
import sys
from datetime import UTC, datetime
from pathlib import Path

from tacit.adapters.event_log import SqliteEventLog
from tacit.errors import Unavailable
from tests.faults.event_log_child import event_of, say


def attempt(log: SqliteEventLog, phase: str, count: int) -> None:
    for number in range(count):
        try:
            log.append([event_of(f"{phase}{number}")])
        except Unavailable as error:
            say(f"{phase} {error.code}")
        else:
            say(f"{phase} ack {phase}{number}")


def main(folder: str, point: str, error: str) -> None:
    fiu = ctypes.CDLL("libfiu.so.0")
    log = SqliteEventLog(Path(folder), clock=lambda: datetime.now(UTC))
    attempt(log, "before", 20)
    fiu.fiu_enable(point.encode(), 1, ctypes.c_void_p(int(error)), 0)
    attempt(log, "during", 20)
    say(f"read {len(log.read(0, limit=1_000))}")
    fiu.fiu_disable(point.encode())
    attempt(log, "after", 20)
    say(f"read {len(log.read(0, limit=1_000))}")
    say(f"fault {log.fault}")
    log.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
