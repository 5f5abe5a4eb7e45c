"""The `tacit` command from a process that has loaded its modules already: the same program, in a process of its own.

A guide runs dozens of commands, and loading the program costs most of them more than what they do.  Here one process
loads it, and each command is a fork of that one, with the arguments, folder, environment and files of who asks.  What
serves, or asks for other kernels, is started as ever.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

COLD = ("serve", "up", "worker")
"""Commands that stay, and are measured by when they are there."""

ADDRESS = "WARM_TACIT"
"""Names the variable with the socket to ask at; no setting, so not of our prefix."""

_CLIENT = """#!{python} -IS
import os, socket, sys
if {cold} & set(sys.argv[1:2]) or "TACIT_ISA" in os.environ or {address!r} not in os.environ:
    os.execv({tacit!r}, [{tacit!r}, *sys.argv[1:]])
import json
asked = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
with socket.socket(socket.AF_UNIX) as line:
    line.connect(os.environ[{address!r}])
    socket.send_fds(line, [len(asked).to_bytes(4, "big")], [0, 1, 2])
    line.sendall(asked)
    code = line.recv(1)
sys.exit(code[0] if code else 1)
"""


@cache
def warm_folder(tacit: Path) -> tuple[Path, str]:
    """A folder with a `tacit` that asks the loaded one, and where that one is asked; there until this process ends."""
    folder = Path(tempfile.mkdtemp(prefix="warm-"))
    address = str(folder / "line")
    client = folder / "tacit"
    facts = {"python": sys.executable, "cold": set(COLD), "address": ADDRESS, "tacit": str(tacit)}
    client.write_text(_CLIENT.format(**facts))
    client.chmod(client.stat().st_mode | stat.S_IXUSR)
    command = [sys.executable, "-m", "tests.warm_shells", address]
    loaded = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1])
    assert loaded.stdout is not None
    assert loaded.stdout.readline() == b"loaded\n"
    loaded.wait()
    _warm.append(loaded)  # its standard input ends with this process, and it with that
    return folder, address


_warm: list[subprocess.Popen[bytes]] = []


def load() -> None:
    """Import what most commands need."""
    import duckdb  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import scipy.sparse  # noqa: F401
    import sqlalchemy  # noqa: F401

    import tacit.bootstrap.wiring
    import tacit.entrypoints.cli.logs
    import tacit.entrypoints.cli.program  # noqa: F401
    from tacit.adapters.history import ParquetHistory  # noqa: F401
    from tacit.adapters.sql.engine import open_database  # noqa: F401
    from tacit.models.recommender.training_plan import PlanRules  # noqa: F401
    from tacit.models.recommender.workload import RecommenderWorkload  # noqa: F401


def answer(address: str) -> None:
    """Run commands, each in a fork, until standard input ends."""
    load()
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(address)
    listening.listen(64)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    sys.stdout.write("loaded\n")
    sys.stdout.flush()
    with selectors.DefaultSelector() as waiting:
        waiting.register(sys.stdin, selectors.EVENT_READ)
        waiting.register(listening, selectors.EVENT_READ)
        while True:
            ready = [key.fileobj for key, _ in waiting.select()]
            if sys.stdin in ready:
                return
            line, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                run_for(line)
            line.close()


def run_for(line: socket.socket) -> None:
    """Become the command that is asked for at the other end; does not return."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    size, files, _, _ = socket.recv_fds(line, 4, 3)
    asked = b""
    while len(asked) < int.from_bytes(size, "big"):
        asked += line.recv(65_536)
    arguments, folder, environment = json.loads(asked)
    for place, file in enumerate(files):
        os.dup2(file, place)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update({name: value for name, value in environment.items() if name != ADDRESS})
    sys.argv = ["tacit", *arguments]
    code = _code_of(arguments)
    line.sendall(bytes([code & 0xFF]))
    os._exit(0)


def _code_of(arguments: list[str]) -> int:
    from tacit.entrypoints.cli.program import run

    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(place, mode) for place, mode in ((0, "r"), (1, "w"), (2, "w")))
    try:
        return run(arguments)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


if __name__ == "__main__":
    if os.fork() == 0:  # nobody's child: what counts its own children must not find it among them
        answer(sys.argv[1])
