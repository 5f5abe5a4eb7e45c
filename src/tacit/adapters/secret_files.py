"""Secrets of an installation's own in files: random, made once, read by their owner alone."""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from tacit.errors import Misconfigured

BYTES = 32


def kept_secret(path: Path) -> bytes:
    """The secret in a file, made where there is none; of two who make it at once the first counts.

    Raises:
        Misconfigured: `key_readable` if others may read the file, `key_invalid` if it holds something else.
    """
    if not path.exists():
        _write_once(path)
    if path.stat().st_mode & 0o077:
        fix = f"Remove it and start again, or `chmod 600 {path}` if you know that nobody read it."
        detail = f"The secret {path} can be read by others than its owner."
        raise Misconfigured("key_readable", detail, field=str(path), fix=fix)
    found = path.read_bytes()
    if len(found) != BYTES:
        raise Misconfigured(
            "key_invalid", f"{path} holds no secret of {BYTES} bytes.", field=str(path), fix="Remove it."
        )
    return found


def _write_once(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(secrets.token_bytes(BYTES))
            stream.flush()
            os.fsync(stream.fileno())
        with suppress(FileExistsError):
            os.link(name, path)
    finally:
        Path(name).unlink()
