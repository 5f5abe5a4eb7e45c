"""Terminal transcripts in documents: reading them, running them, and comparing what is said with what is so.

A transcript is the `console` block after a line `<!-- transcript -->`.  A line `$ …` is a command, what follows is its
output.  An ellipsis stands for anything, alone on a line for any number of lines; blanks may differ, times may, and
other decimals by as much as another machine's arithmetic explains.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.shells import TACIT, environment, free_port
from tests.warm_shells import ADDRESS, warm_folder

BLOCK = re.compile(r"<!-- transcript -->\s*```console\n(.*?)```", re.DOTALL)
LAST_LINE_OF_A_START = "Ctrl-C ends it."
TOLERANCE = 0.03
DECIMAL = re.compile(r"\d+\.\d+(?! s\b)")
SECONDS = re.compile(r"\d+\.\d+(?= s\b)")


@dataclass(frozen=True)
class Exchange:
    """A command and the lines it is said to print."""

    command: str
    lines: tuple[str, ...]


def exchanges(page: str) -> list[Exchange]:
    """What the transcript of a page says."""
    block = BLOCK.search(page)
    if block is None:
        return []
    parts = re.split(r"^\$ ", block[1], flags=re.MULTILINE)[1:]
    split = (part.splitlines() for part in parts)
    return [Exchange(lines[0], tuple(line for line in lines[1:] if line.strip())) for lines in split]


def agrees(said: Sequence[str], so: Sequence[str]) -> bool:
    """Whether lines said are the lines that are so."""
    if not said:
        return not so
    if said[0].strip() == "…":
        return any(agrees(said[1:], so[skipped:]) for skipped in range(len(so) + 1))
    return bool(so) and line_agrees(said[0], so[0]) and agrees(said[1:], so[1:])


def line_agrees(said: str, so: str) -> bool:
    """Whether one line says what another does."""
    said, so = " ".join(said.split()), " ".join(so.split())
    pattern = re.escape(SECONDS.sub("…", said)).replace("…", ".*")
    decimals = re.compile(r"\d+\\\.\d+")
    match = re.fullmatch(decimals.sub(r"(\\d+\\.\\d+)", pattern), so)
    numbers = [float(number) for number in DECIMAL.findall(SECONDS.sub("…", said))]
    return match is not None and all(
        abs(float(found) - number) <= max(TOLERANCE * number, 0.005)
        for found, number in zip(match.groups(), numbers, strict=True)
    )


class Terminal:
    """Runs the commands of a transcript one after another, on ports of its own; a started server stays up."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = {"8000": str(free_port()), "9000": str(free_port())}
        warm, address = warm_folder(TACIT)
        path = os.pathsep.join((str(warm), str(TACIT.parent), os.environ["PATH"]))
        chosen = {
            ADDRESS: address,
            "TACIT_PORT": self._ports["8000"],
            "TACIT_METRICS_PORT": self._ports["9000"],
            "COLUMNS": "120",
        }
        self._environment = environment(PATH=path, **chosen)
        self._servers: list[subprocess.Popen[str]] = []

    def run(self, command: str) -> list[str]:
        """What a command prints on stdout; of one that serves, what it prints until it does."""
        process = subprocess.Popen(
            ["bash", "-c", self._here(command)],
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        self._servers.append(process)
        assert process.stdout is not None
        return [self._there(line) for line in _until_serving(process.stdout) if line.strip()]

    def close(self) -> None:
        """End what still runs."""
        for process in self._servers:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
            process.communicate(timeout=15)

    def _here(self, text: str) -> str:
        for said, chosen in self._ports.items():
            text = text.replace(f":{said}", f":{chosen}")
        return text

    def _there(self, text: str) -> str:
        for said, chosen in self._ports.items():
            text = text.replace(f":{chosen}", f":{said}")
        return text.rstrip("\n")


def _until_serving(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        yield line
        if line.startswith(LAST_LINE_OF_A_START):
            return


@contextmanager
def terminal(folder: Path) -> Iterator[Terminal]:
    """A terminal in a folder."""
    opened = Terminal(folder)
    try:
        yield opened
    finally:
        opened.close()
