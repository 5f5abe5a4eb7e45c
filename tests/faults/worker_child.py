"""A worker that loads nothing: it answers its number on the socket that it was given, and does what it is asked.

`GET /<anything>` says its number and process; `/hang` keeps its loop from turning, as its line tells; a file `poison`
beside it keeps it from starting, a file `slow` from ever serving.  Without a number it is the spare one.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge

from tacit.adapters.standing_by import stand_by
from tacit.adapters.worker_line import WorkerLine

HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n"


def main(folder: Path, plan: dict[str, int]) -> int:
    if (folder / "poison").exists():
        return 78
    if plan["number"] is None:
        copy = stand_by(socket.socket(fileno=plan["line"]), (), str, listener=plan["listener"])
        if copy is None:
            return 0
        plan = {**plan, "number": copy.number, "line": copy.line}
    over, hung = threading.Event(), threading.Event()
    line = WorkerLine(socket.socket(fileno=plan["line"]), on_alone=lambda: os._exit(3))
    if (folder / "slow").exists():
        over.wait()
    number = plan["number"]
    registry = CollectorRegistry()
    answers = Counter("answers", "Answers.", registry=registry)
    Gauge("place", "The number.", registry=registry).set(number)
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    listener = socket.socket(fileno=plan["listener"])
    listener.listen(64)
    listener.settimeout(0.05)
    line.watch(registry, lambda: 1_000.0 if hung.is_set() else 0.0)
    line.serving({"version": "made-up"})
    while not over.is_set():
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            continue
        with connection:
            asked = connection.recv(4_096)
            if b"/hang" in asked:
                hung.set()
            answers.inc()
            body = json.dumps({"number": number, "pid": os.getpid()})
            connection.sendall((HEAD.format(len(body)) + body).encode())
    line.leaving()
    line.last_words(2.0 if number == 0 else 0.0)
    (folder / f"ended-{number}").write_text(str(time.monotonic()))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), json.loads(sys.argv[2])))
