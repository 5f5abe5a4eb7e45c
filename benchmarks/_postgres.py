"""A PostgreSQL server of our own, for figures beside those of the embedded store."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tacit.settings import Settings

SETTING = "database_url"
_ACCOUNT = "postgres"
_START_SECONDS = 30.0


def missing() -> str | None:
    """Why there are no figures of PostgreSQL; `None` if there can be."""
    if SETTING not in Settings.model_fields:
        return f"there is no setting {SETTING}"
    if _binary("initdb") is None:
        return "PostgreSQL's server is not installed"
    return None


@contextmanager
def postgres(folder: Path | None) -> Iterator[str]:
    """A fresh server on loopback, as it comes: every commit flushed.  Gone at the end.

    Returns:
        The URL of its database, in the platform's form.
    """
    with tempfile.TemporaryDirectory(dir=folder, prefix="tacit-postgres-") as place:
        Path(place).chmod(0o711)  # the account below passes through it
        data, port = Path(place) / "data", _free_port()
        data.mkdir(mode=0o700)
        if os.geteuid() == 0:  # the server refuses to run as root
            shutil.chown(data, _ACCOUNT, _ACCOUNT)
        _run("initdb", ["-D", data, "-U", "tacit", "--auth=trust", "-E", "UTF8", "--locale=C"])
        options: list[str | Path] = [
            "-D",
            data,
            "-h",
            "127.0.0.1",
            "-p",
            str(port),
            "-c",
            f"unix_socket_directories={data}",
        ]
        server = subprocess.Popen(
            _as_account("postgres", options), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            _wait(port, server)
            yield f"postgresql://tacit@127.0.0.1:{port}/postgres"
        finally:
            server.terminate()
            server.wait()


def _wait(port: int, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and server.poll() is None:
        if (
            subprocess.run([_found("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)], check=False).returncode
            == 0
        ):
            return
        time.sleep(0.1)
    raise RuntimeError("PostgreSQL did not start")


def _run(name: str, options: Sequence[str | Path]) -> None:
    subprocess.run(_as_account(name, options), check=True, capture_output=True)


def _as_account(name: str, options: Sequence[str | Path]) -> list[str]:
    command = [_found(name), *map(str, options)]
    if os.geteuid() == 0:
        return ["setpriv", f"--reuid={_ACCOUNT}", f"--regid={_ACCOUNT}", "--init-groups", *command]
    return command


def _found(name: str) -> str:
    found = _binary(name)
    if found is None:
        raise RuntimeError(f"PostgreSQL's {name} is not installed")
    return found


def _binary(name: str) -> str | None:
    """A binary of the newest release that is installed, in the path or where Debian puts it."""
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    return shutil.which(name) or (str(installed[-1]) if installed else None)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
