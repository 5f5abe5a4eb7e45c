"""A process that appends events until it is killed, and says what was acknowledged before it does anything else.

`python -m tests.faults.event_log_child FOLDER RUN CRASH_AT FOLLOWS` with `CRASH_AT` as `name:n` (the n-th time the log
passes the point of that name, the process ends like one that was killed) or `-` (never), and `FOLLOWS` as the URL of a
database to apply the log to, or `-`.
"""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from tacit.adapters.event_log import SqliteEventLog
from tacit.data.events import Event
from tacit.errors import TacitError

APPENDERS = 6
POINTS = (
    "append_queued",
    "before_commit",
    "after_commit",
    "before_ack",
    "after_ack",
    "before_checkpoint",
    "after_checkpoint",
)
KILLED = 137


def event_of(event_id: str) -> Event:
    """What is sent under an id: whoever knows the id knows the event."""
    return Event(event_id, f"user of {event_id}", "song", "play", 1.0, len(event_id), None, f'{{"a":"{event_id}"}}')


def say(line: str) -> None:
    """One write, which a pipe never tears or mixes with another's."""
    os.write(1, f"{line}\n".encode())


def crash_at(point: str) -> Callable[[str], None]:
    """End the process, as a kill does, when the log passes a point for the n-th time."""
    name, _, count = point.partition(":")
    passed: Counter[str] = Counter()
    lock = threading.Lock()

    def passing(at: str) -> None:
        with lock:
            passed[at] += 1
            if at == name and passed[at] == int(count):
                os._exit(KILLED)

    return passing


def append_for_ever(log: SqliteEventLog, prefix: str) -> None:
    rng = random.Random(prefix)
    sent: list[str] = []
    while True:
        fresh = [f"{prefix}/{len(sent) + n}" for n in range(rng.choice((1, 1, 3, 20)))]
        ids = [*fresh, *rng.sample(sent, min(len(sent), rng.choice((0, 0, 2))))]
        sent += fresh
        for event_id, receipt in zip(ids, log.append([event_of(each) for each in ids]), strict=True):
            say(f"ack {event_id} {receipt.sequence} {receipt.outcome}")


def following(log: SqliteEventLog, url: str) -> threading.Thread:
    """Will apply the log to a database, as a server does beside taking events."""
    from tests.ingestions import steps_into

    steps = steps_into(log, url)

    def follow_for_ever() -> None:
        while True:
            if not steps.step().read:
                time.sleep(0.001)

    return threading.Thread(target=follow_for_ever, daemon=True)


def main(folder: str, run: str, point: str, follows: str = "-") -> int:
    try:
        log = SqliteEventLog(
            Path(folder), clock=lambda: datetime.now(UTC), largest_wal_bytes=200_000, crash=crash_at(point)
        )
    except TacitError as error:
        say(f"error {error.code}")
        return 1
    follower = None if follows == "-" else following(log, follows)
    say("ready")
    if follower is not None:
        follower.start()
    for number in range(APPENDERS):
        threading.Thread(target=append_for_ever, args=(log, f"{run}/{number}"), daemon=True).start()
    threading.Event().wait(60)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
