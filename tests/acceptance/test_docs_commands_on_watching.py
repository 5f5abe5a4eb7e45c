"""Every command of the guides on starting, watching and stopping is run as it stands there, on one installation."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from tests.guides import commands, succeeds
from tests.transcripts import terminal

QUICK = (
    "export TACIT_DOWNLOAD=false TACIT_ALS__FACTORS=8 TACIT_ALS__ITERATIONS=3 TACIT_LIMITS__ANONYMOUS_PER_MINUTE=100000"
)


@pytest.mark.slow
@pytest.mark.requirement("DOCS-001")
@pytest.mark.requirement("DOCS-002")
@pytest.mark.requirement("MON-033")
def test_a_platform_is_started_watched_and_stopped_as_the_guides_say(tmp_path: Path) -> None:
    started = commands("docs/PROJECT_START.md")
    watched = commands("docs/howto/watch-on-dashboards.md")
    stopped = commands("docs/PROJECT_STOP.md")
    after = next(place for place, command in enumerate(stopped) if command.startswith("tacit settings"))
    assert started[0] == "tacit up"

    with terminal(tmp_path) as shell:
        shell.run(f"{QUICK}; tacit up")
        asked = ["", *started[1:], *watched, *stopped[:after]]
        failed = [each for before, each in pairwise(asked) if not succeeds(shell, each, before=before)]
    with terminal(tmp_path) as shell:
        failed += [each for each in stopped[after:] if not succeeds(shell, each, before="")]

    assert failed == []
