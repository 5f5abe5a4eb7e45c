"""Servers in processes of their own that follow one home and one plan, some of them with a version that misbehaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.faults.arm_server_child import Misbehaviour
from tests.shells import free_port
from tools.guards.source import ROOT


@dataclass(frozen=True)
class ArmServer:
    """A running one."""

    process: subprocess.Popen[str]
    port: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def end(self) -> int:
        """Have it hand on what it counted, and end; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=20)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


def start_arm_server(
    home: Path, *, role: str = "all", misbehaviour: Misbehaviour | None = None, plan: Path | None = None
) -> ArmServer:
    """A server over a home that has a champion, once it listens.

    Args:
        home: The home.
        role: What it does; at most one over a home does `all`.
        misbehaviour: Which version misbehaves in it, and how.
        plan: The file of the plan it follows; unset, the platform's own plan.
    """
    port = free_port()
    how = json.dumps(None if misbehaviour is None else asdict(misbehaviour))
    module = "tests.faults.arm_server_child"
    command = [sys.executable, "-m", module, str(home), str(port), role, how, "-" if plan is None else str(plan)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    server = ArmServer(process, port)
    for line in process.stdout or ():
        if line == "listening\n":
            return server
    server.kill()
    raise AssertionError(f"the server ended with {process.returncode} before it listened")


@contextmanager
def arm_server(
    home: Path, *, role: str = "all", misbehaviour: Misbehaviour | None = None, plan: Path | None = None
) -> Iterator[ArmServer]:
    """The same, for as long as it is needed."""
    server = start_arm_server(home, role=role, misbehaviour=misbehaviour, plan=plan)
    try:
        yield server
    finally:
        server.kill()
