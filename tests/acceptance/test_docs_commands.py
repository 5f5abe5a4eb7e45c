"""Every command in the guides is run as it stands there, in order, on a home and files of its own."""

from __future__ import annotations

import gzip
import re
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.transcripts import Terminal, terminal
from tools.guards.source import ROOT

GUIDES = (
    "docs/quickstart.md",
    "docs/howto/import-your-data.md",
    "docs/howto/manage-the-catalogue.md",
    "docs/howto/release-a-version.md",
    "docs/howto/roll-out-gradually.md",
    "docs/howto/tune-a-model.md",
    "docs/howto/send-events.md",
    "docs/howto/look-after-quarantine.md",
    "docs/howto/compare-two-arms.md",
)
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
    log = "".join(f"{number}\t{user}\t{artist}\t{number}.000\n" for number, (user, artist) in enumerate(rows))
    (folder / "log.tsv.gz").write_bytes(gzip.compress(log.encode()))


@pytest.mark.parametrize("guide", GUIDES)
def test_every_command_of_a_guide_does_what_it_is_there_for(guide: str, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("the guides ask with curl, which is not here")
    write_plays(tmp_path)
    listed = commands(guide)
    with terminal(tmp_path) as shell:
        prepare(shell, guide)
        failed = [command for before, command in pairwise(["", *listed]) if not succeeds(shell, command, before=before)]

    assert listed
    assert failed == []


def prepare(shell: Terminal, guide: str) -> None:
    """What a reader has by then: a served version where something is asked, a first version before the second."""
    if guide.endswith(("quickstart.md", "manage-the-catalogue.md")):
        shell.run("TACIT_DOWNLOAD=false tacit up --set als.factors=8 --set als.iterations=3")
    served = ("send-events.md", "look-after-quarantine.md", "compare-two-arms.md")
    if guide.endswith(("release-a-version.md", "roll-out-gradually.md", "tune-a-model.md", *served)):
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
