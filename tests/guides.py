"""The guides as their readers follow them: every command as it stands there, on a home and files of its own."""

from __future__ import annotations

import gzip
import re
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tacit.data import synthetic
from tests.transcripts import Terminal, terminal
from tools.guards.source import ROOT

BLOCK = re.compile(r"```bash\n(.*?)```", re.DOTALL)
TESTED_ELSEWHERE = re.compile(r"^make ")
"""`make up` is the journey of test_up.py."""


def commands(guide: str) -> list[str]:
    """The commands of a guide's `bash` blocks, continued lines joined, comments dropped."""
    text = "\n".join(BLOCK.findall((ROOT / guide).read_text("utf-8"))).replace("\\\n", " ")
    lines = (re.sub(r"\s{2,}#.*$", "", line).strip() for line in text.splitlines())
    return [line for line in lines if line and not TESTED_ELSEWHERE.match(line)]


def write_plays(folder: Path) -> None:
    """The files that the guides speak of: a table with a header, and a log without one."""
    generator = np.random.default_rng(3)
    # Odd listeners play the first thirty artists, even ones the others: something to learn, so that the gate passes.
    rows = [
        (user, 1 + 30 * (user % 2) + int(artist)) for user in range(1, 121) for artist in generator.permutation(30)[:12]
    ]
    plays = [f"{user},{artist},{artist + user},{1_700_000_000 + number}" for number, (user, artist) in enumerate(rows)]
    (folder / "plays.csv").write_text("\n".join(["listener,artist,plays,played_at", *plays]) + "\n")
    synthetic.generate(folder / "community", users=200, items=150, artists_per_user=25)
    log = "".join(f"{number}\t{user}\t{artist}\t{number}.000\n" for number, (user, artist) in enumerate(rows))
    (folder / "log.tsv.gz").write_bytes(gzip.compress(log.encode()))


def prepare(shell: Terminal, guide: str) -> None:
    """What a reader has by then: a served version where something is asked, a first version before the second."""
    up = "TACIT_DOWNLOAD=false tacit up --set als.factors=8 --set als.iterations=3"
    if guide.endswith(("manage-the-catalogue.md", "moods-and-charts.md", "shape-a-list.md")):
        shell.run(up)
    if guide.endswith("quickstart.md"):
        shell.run(f"{up} --data community")
    served = (
        "sign-people-in.md",
        "send-events.md",
        "look-after-quarantine.md",
        "compare-two-arms.md",
        "control-who-may.md",
        "ask-for-many.md",
    )
    if guide.endswith("roll-out-gradually.md"):
        # The champion knows one camp of the listeners alone, so that what knows both is clearly better.
        columns = "--columns user=listener,item=artist,value=plays --dataset plays"
        shell.run("awk -F, 'NR == 1 || $1 % 2 == 1' plays.csv > first.csv")
        shell.run(f"tacit import table --from first.csv {columns}")
        shell.run("tacit train")
        shell.run("tacit promote 1 --force --reason 'the first'")
        shell.run(f"tacit import table --from plays.csv {columns}")
    if guide.endswith(("release-a-version.md", "tune-a-model.md", *served)):
        shell.run("tacit import table --from plays.csv --columns user=listener,item=artist,value=plays --dataset plays")
        shell.run("tacit train --promote")
    if guide.endswith(served):
        shell.run("tacit serve")


def succeeds(shell: Terminal, command: str, *, before: str) -> bool:
    """Whether a command ends well; an answer of the API must be no problem document."""
    if command.startswith("curl") and not before.startswith("curl"):
        # A promotion just before is served within two seconds.
        shell.run("sleep 2")
    said = "\n".join(shell.run(f"{command} || echo 'exit code not 0'"))
    return "exit code not 0" not in said and '"status":4' not in said and '"status":5' not in said


def follow(guide: str, folder: Path) -> list[str]:
    """Run every command of a guide in order; those that failed."""
    if shutil.which("curl") is None:
        pytest.skip("the guides ask with curl, which is not here")
    write_plays(folder)
    listed = commands(guide)
    assert listed
    with terminal(folder) as shell:
        prepare(shell, guide)
        return [command for before, command in pairwise(["", *listed]) if not succeeds(shell, command, before=before)]
