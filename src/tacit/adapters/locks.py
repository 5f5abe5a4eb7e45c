"""One process at a time: a lock that the kernel gives back when its holder ends, however it ends."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tacit.errors import Misconfigured, Unavailable


@contextmanager
def flocked(path: Path, how: int) -> Iterator[bool]:
    """Hold a lock file, or a folder as one, with others (`LOCK_SH`) or alone (`LOCK_EX`).

    Yields:
        Whether it is held: not if `LOCK_NB` was asked for and somebody else is in the way.
    """
    mode = os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT
    descriptor = os.open(path, mode | os.O_CLOEXEC, 0o644)
    try:
        is_held = False
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, how)
            is_held = True
        yield is_held
    finally:
        os.close(descriptor)


@contextmanager
def held_lock(path: Path, purpose: str) -> Iterator[int]:
    """Hold a lock file, or say at once who does.

    The file stays where it is: removing it would let two processes lock two files of the same name.

    Args:
        path: The lock file.
        purpose: What its holder does with it, for whoever meets it held.

    Yields:
        Its descriptor: a process that inherits it keeps the lock held beside us, and after us.

    Raises:
        Misconfigured: `home_unusable` if there can be no such file.
        Unavailable: `home_in_use`.
    """
    descriptor = _opened(path)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _held(path) from error
        about = {"pid": os.getpid(), "purpose": purpose, "since": int(time.time())}
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(about).encode(), 0)
        yield descriptor
        with suppress(OSError):  # a disk that turned read-only meanwhile: the lock itself is given back all the same
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def holder(path: Path) -> dict[str, object] | None:
    """Who holds a lock file, as far as it says; `None` if nobody does."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _described(path)
    else:
        return None
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise Misconfigured(
            "home_unusable",
            f"{path} cannot be written: {error.strerror}.",
            field="home",
            fix="Name a folder that you may write to (TACIT_HOME).",
        ) from error


def _described(path: Path) -> dict[str, object]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        found = None
    return found if isinstance(found, dict) else {}


def _held(path: Path) -> Unavailable:
    about = _described(path)
    who = f"process {about['pid']}" if "pid" in about else "another process"
    return Unavailable(
        "home_in_use",
        f"{who[0].upper()}{who[1:]} serves from {path.parent} already.",
        field="home",
        fix="Use that one, stop it, or give this one a home of its own (TACIT_HOME).",
        context={"holder": about},
    )
