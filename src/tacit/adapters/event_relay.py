"""Events that come to one process of a home and are taken by another: a socket in the home, its owner's alone to use.

The process that takes events opens a hatch; the others reach through it.  What they hand over are the values that came,
what they get back is what became of each, so that whoever sent them is told the same at every process.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

import structlog

from tacit.data.event_validation import Problem
from tacit.data.events import LogState
from tacit.data.intake import EventDoor, Fate, Taken
from tacit.errors import BadInput, Misconfigured, NotFound, Refused, TacitError, Unavailable

log = structlog.get_logger(__name__)

HATCH = "events.sock"
ANSWER_SECONDS = 5.0
"""How long one process waits for the other; one that is away for longer has its senders try again."""
RETRY_SECONDS = 2.0

_LENGTH = struct.Struct("!I")
_MAX_BYTES = 64 * 2**20
_LONGEST_PATH = 100
_CLOSE_SECONDS = 5.0
_KINDS: Mapping[str, type[TacitError]] = {
    kind.__name__: kind for kind in (BadInput, NotFound, Refused, Unavailable, Misconfigured)
}


class EventHatch:
    """Takes in what other processes of the home hand over, from when it is opened until it is closed.

    Args:
        home: Where the socket lies; nobody else may be taking events there.
        door: Takes the events in.
    """

    def __init__(self, home: Path, door: EventDoor) -> None:
        self._home = home
        self._door = door
        self._listener: socket.socket | None = None
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._open: dict[socket.socket, threading.Thread] = {}

    def open(self) -> None:
        """Let others reach through.

        Raises:
            OSError: There can be no such socket here.
        """
        (self._home / HATCH).unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with _address_of(self._home) as address:
                listener.bind(address)
            # Nobody can connect before it listens, so nobody did while others still had the right to.
            (self._home / HATCH).chmod(0o600)
            listener.listen(128)
        except OSError:
            listener.close()
            raise
        self._listener = listener
        threading.Thread(target=self._welcome, args=(listener,), name="event-hatch", daemon=True).start()

    def close(self) -> None:
        """Take nothing more; what is being taken is answered first."""
        self._over.set()
        if self._listener is None:
            return
        (self._home / HATCH).unlink(missing_ok=True)
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            still = list(self._open.items())
        for connection, _ in still:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RD)
        until = time.monotonic() + _CLOSE_SECONDS
        for _, thread in still:
            thread.join(max(0.0, until - time.monotonic()))

    def _welcome(self, listener: socket.socket) -> None:
        while not self._over.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                if not self._over.wait(0.1):  # no descriptor was left, perhaps; there may be one soon
                    continue
                return
            if not _is_ours(connection):
                connection.close()
                continue
            thread = threading.Thread(target=self._serve, args=(connection,), name="event-hatch", daemon=True)
            with self._lock:
                self._open[connection] = thread
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, suppress(OSError, ValueError):
                while not self._over.is_set():
                    asked = _received(connection)
                    if asked is None:
                        return
                    _send(connection, self._answer(asked))
        finally:
            with self._lock:
                self._open.pop(connection, None)

    def _answer(self, asked: Mapping[str, Any]) -> Mapping[str, object]:
        try:
            raws = [value if kind == "value" else Problem(**value) for kind, value in asked["raws"]]
            taken = self._door.take(raws, source=str(asked["source"]), assign_ids=bool(asked["assign_ids"]))
        except TacitError as error:
            return {"error": _error_facts(error)}
        except Exception:
            log.exception("handed_events_failed")
            return {"failed": True}
        return {"taken": [[each.fate, each.event_id, _problem_facts(each.problem)] for each in taken]}


class RelayedEvents:
    """An `EventDoor` that hands events to the process of the home that takes them; called from many threads at once.

    Args:
        home: The home of both.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._idle: list[socket.socket] = []
        self.state: Callable[[], LogState] = LogState

    def take_plain(self, body: bytes, *, is_lines: bool, source: str) -> Sequence[Taken] | None:
        """Leaves every body to be read, so that what is wrong with it is said here."""
        return None

    def take(self, raws: Sequence[object], *, source: str, assign_ids: bool = False) -> tuple[Taken, ...]:
        """What became of each event, as the other process says.

        Raises:
            TacitError: What that process refused all of them with.
            Unavailable: `events_elsewhere` if it cannot be reached, so that nothing became of any;
                `events_unconfirmed` if it was, and did not answer.
        """
        asked = {"raws": [_tagged(raw) for raw in raws], "source": source, "assign_ids": assign_ids}
        connection = self._connected()
        try:
            _send(connection, asked)
            answer = _received(connection)
        except (OSError, ValueError):
            answer = None
        if answer is None or "failed" in answer:
            connection.close()
            raise _unconfirmed()
        with self._lock:
            self._idle.append(connection)
        if "error" in answer:
            raise _as_error(answer["error"])
        return tuple(
            Taken(cast("Fate", fate), event_id, None if facts is None else Problem(**facts))
            for fate, event_id, facts in answer["taken"]
        )

    def close(self) -> None:
        """Give back what was open."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _connected(self) -> socket.socket:
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                return self._newly_connected()
            if not _is_over(connection):
                return connection
            connection.close()

    def _newly_connected(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(ANSWER_SECONDS)
        try:
            with _address_of(self._home) as address:
                connection.connect(address)
        except OSError as error:
            connection.close()
            raise _away() from error
        return connection


@contextmanager
def _address_of(home: Path) -> Iterator[str]:
    """Names the socket, even where its path is longer than such a name may be."""
    path = str(home / HATCH)
    if len(os.fsencode(path)) <= _LONGEST_PATH:
        yield path
        return
    folder = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{HATCH}"
    finally:
        os.close(folder)


def _is_ours(connection: socket.socket) -> bool:
    """Whether somebody with our own rights connects; where the kernel does not tell, the file's rights must do."""
    if not sys.platform.startswith("linux"):
        return True
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", credentials)
    return int(uid) == os.geteuid()


def _is_over(connection: socket.socket) -> bool:
    """Whether the other side closed a connection that nobody used meanwhile."""
    try:
        connection.setblocking(False)
        connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True
    else:
        return True
    finally:
        connection.settimeout(ANSWER_SECONDS)


def _send(connection: socket.socket, value: Mapping[str, object]) -> None:
    # All in ASCII: half a pair of surrogates, which an id may hold, comes out as it went in.
    body = json.dumps(value, separators=(",", ":"), default=str).encode()
    connection.sendall(_LENGTH.pack(len(body)) + body)


def _received(connection: socket.socket) -> dict[str, Any] | None:
    """What the other side says; `None` once it says no more."""
    head = _exactly(connection, _LENGTH.size)
    if head is None:
        return None
    [length] = _LENGTH.unpack(head)
    if length > _MAX_BYTES:
        raise ValueError("longer than anything we send")
    body = _exactly(connection, length)
    return None if body is None else cast("dict[str, Any]", json.loads(body))


def _exactly(connection: socket.socket, size: int) -> bytes | None:
    found = bytearray()
    while len(found) < size:
        part = connection.recv(min(size - len(found), 2**18))
        if not part:
            return None
        found += part
    return bytes(found)


def _tagged(raw: object) -> tuple[str, object]:
    return ("problem", _problem_facts(raw)) if isinstance(raw, Problem) else ("value", raw)


def _problem_facts(problem: Problem | None) -> dict[str, object] | None:
    """A problem without the event it is about: who sent that still has it."""
    if problem is None:
        return None
    facts = {each.name: getattr(problem, each.name) for each in fields(problem)}
    return {**facts, "event": None, "context": None if problem.context is None else dict(problem.context)}


def _error_facts(error: TacitError) -> dict[str, object]:
    kind = next((name for name, known in _KINDS.items() if isinstance(error, known)), "Unavailable")
    facts = {"code": error.code, "detail": error.detail, "field": error.field, "fix": error.fix}
    return {"kind": kind, **facts, "context": dict(error.context), "retry_after": getattr(error, "retry_after", None)}


def _as_error(facts: Mapping[str, Any]) -> TacitError:
    kind = _KINDS.get(facts["kind"], Unavailable)
    error = kind(facts["code"], facts["detail"], field=facts["field"], fix=facts["fix"], context=facts["context"])
    if isinstance(error, Unavailable) and facts["retry_after"] is not None:
        error.retry_after = float(facts["retry_after"])
    return error


def _away() -> Unavailable:
    error = Unavailable(
        "events_elsewhere",
        "This process only answers, and the one of this home that takes events cannot be reached.",
        fix="Send them again in a moment; or see to it that a process with serving.role = all runs.",
    )
    error.retry_after = RETRY_SECONDS
    return error


def _unconfirmed() -> Unavailable:
    error = Unavailable(
        "events_unconfirmed",
        "The process that takes events did not say what became of these; they may be stored.",
        fix="Send them again, unchanged: an event that is stored already counts once.",
    )
    error.retry_after = RETRY_SECONDS
    return error
