"""Every command of the guide on moods and charts is run as it stands there, in order."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.guides import follow


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_command_on_moods_and_charts_does_what_it_is_there_for(tmp_path: Path) -> None:
    assert follow("docs/howto/moods-and-charts.md", tmp_path) == []
