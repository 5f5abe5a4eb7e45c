"""Every command in the guides on data and events is run as it stands there, in order."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.guides import follow

GUIDES = (
    "docs/quickstart.md",
    "docs/howto/import-your-data.md",
    pytest.param("docs/howto/manage-the-catalogue.md", marks=pytest.mark.slow),
    pytest.param("docs/howto/send-events.md", marks=pytest.mark.slow),
    pytest.param("docs/howto/look-after-quarantine.md", marks=pytest.mark.slow),
    pytest.param("docs/howto/control-who-may.md", marks=pytest.mark.slow),
    pytest.param("docs/howto/sign-people-in.md", marks=pytest.mark.slow),
    "docs/howto/limit-and-block.md",
    "docs/howto/read-the-audit-trail.md",
    pytest.param("docs/howto/shape-a-list.md", marks=pytest.mark.slow),
    pytest.param("docs/howto/ask-for-many.md", marks=pytest.mark.slow),
)


@pytest.mark.parametrize("guide", GUIDES)
def test_every_command_of_a_guide_does_what_it_is_there_for(guide: str, tmp_path: Path) -> None:
    assert follow(guide, tmp_path) == []
