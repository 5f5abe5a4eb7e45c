"""What the README shows of a terminal is what a terminal shows."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.transcripts import agrees, exchanges, line_agrees, terminal
from tools.guards.source import ROOT


@pytest.mark.slow  # with a smaller community, test_up.py and the quickstart go the same way
def test_the_readme_shows_what_a_terminal_shows(tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("the transcript asks with curl, which is not here")
    said = exchanges((ROOT / "README.md").read_text("utf-8"))
    with terminal(tmp_path) as shell:
        so = {exchange.command: shell.run(exchange.command) for exchange in said}

    assert said
    for exchange in said:
        shown = "\n".join([f"$ {exchange.command}", *so[exchange.command]])
        assert agrees(exchange.lines, so[exchange.command]), f"README.md says otherwise than:\n{shown}"


def test_a_transcript_is_read_command_by_command() -> None:
    page = "# Title\n\n<!-- transcript -->\n\n```console\n$ one\na\n\nb\n$ two\n```\n\n```console\n$ three\n```\n"

    assert [(each.command, each.lines) for each in exchanges(page)] == [("one", ("a", "b")), ("two", ())]


@pytest.mark.parametrize(
    ("said", "so", "verdict"),
    [
        ("trained 0.2753 (4.0 s)", "trained   0.2749 (31.7 s)", True),
        ("trained 0.2753 (4.0 s)", "trained 0.1753 (4.0 s)", False),
        ("2,000 users", "2,001 users", False),
        ('{"id":"…","source":"personal"}', '{"id":"17ff","source":"personal"}', True),
        ('{"id":"…","source":"personal"}', '{"id":"17ff","source":"popular"}', False),
        ("version 1", "version 1 of 3", False),
    ],
)
def test_a_line_may_differ_in_times_and_last_digits_and_nothing_else(said: str, so: str, verdict: bool) -> None:
    assert line_agrees(said, so) is verdict


def test_an_ellipsis_stands_for_any_lines_and_nothing_else_does() -> None:
    assert agrees(["a", "…", "d"], ["a", "b", "c", "d"])
    assert agrees(["a", "…"], ["a"])
    assert not agrees(["a", "…", "d"], ["a", "b", "c"])
    assert not agrees(["a"], ["a", "b"])
