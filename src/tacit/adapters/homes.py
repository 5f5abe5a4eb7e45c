"""The folder an installation keeps its state in, made where it is missing."""

from __future__ import annotations

import os
import re
import uuid
from contextlib import suppress
from pathlib import Path

from tacit.errors import Misconfigured


def usable_home(path: Path) -> Path:
    """The home as an absolute path to a folder that exists.

    Raises:
        Misconfigured: `home_unusable`.
    """
    home = path.resolve()
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Misconfigured(
            "home_unusable",
            f"The home {home} cannot be made: {error.strerror}.",
            field="home",
            fix="Name a folder that you may write to (TACIT_HOME).",
        ) from error
    return home


def installation_id(home: Path) -> str:
    """What tells this installation apart from others that use the same servers; made once, kept in its home.

    Raises:
        Misconfigured: `home_unusable`.
    """
    path = home / "installation_id"
    try:
        if not path.exists():
            _write_once(path, uuid.uuid4().hex)
        found = path.read_text("ascii").strip()
    except (OSError, ValueError) as error:
        raise _unusable_id(path, str(error)) from error
    if not re.fullmatch(r"[0-9a-f]{32}", found):
        raise _unusable_id(path, "it holds something else")
    return found


def _write_once(path: Path, text: str) -> None:
    """Whole or not at all, and the first of two who do so at once counts."""
    beside = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    try:
        beside.write_text(text + "\n", "ascii")
        with suppress(FileExistsError):
            os.link(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _unusable_id(path: Path, problem: str) -> Misconfigured:
    return Misconfigured(
        "home_unusable",
        f"The id of this installation cannot be read from {path}: {problem}.",
        field="home",
        fix="Remove that file, and another id is made.",
    )
