"""Every command in the guides on versions and those who meet them is run as it stands there, in order."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.guides import follow

GUIDES = (
    # What these train and wait for takes longer than all else in them.
    pytest.param("docs/howto/release-a-version.md", marks=pytest.mark.slow),
    pytest.param("docs/howto/roll-out-gradually.md", marks=pytest.mark.slow),
    pytest.param("docs/howto/tune-a-model.md", marks=pytest.mark.slow),
    pytest.param("docs/howto/compare-two-arms.md", marks=pytest.mark.slow),
)


@pytest.mark.parametrize("guide", GUIDES)
def test_every_command_of_a_guide_does_what_it_is_there_for(guide: str, tmp_path: Path) -> None:
    assert follow(guide, tmp_path) == []
