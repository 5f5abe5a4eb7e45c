"""The whole of Last.fm-360K's size and shape through the command line: exact to the row, within bounded memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.import_ import generate

ROWS = 17_535_655
LARGEST_RSS_BYTES = 3_000_000_000


@pytest.mark.slow
@pytest.mark.requirement("DATA-005")
def test_seventeen_and_a_half_million_plays_are_accounted_for_in_bounded_memory(tmp_path: Path) -> None:
    plays = tmp_path / "usersha1-artmbid-artname-plays.tsv"
    torn = generate(plays, ROWS)
    command = [sys.executable, "-m", "tacit", "import", "lastfm-360k", "--from", str(plays), "--json"]

    environment = {**os.environ, "TACIT_HOME": str(tmp_path / "home")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        report = json.loads(process.stdout.read())
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)

    assert process.returncode == 0
    assert report["read"] == ROWS
    assert report["read"] == report["accepted"] + report["merged"] + sum(report["quarantined"].values())
    assert report["quarantined"] == {"ragged": torn}
    assert (report["users"], report["items"]) == (358_622, 126_442)
    assert usage.ru_maxrss * 1_024 <= LARGEST_RSS_BYTES
