"""How a command ends that was not let end."""

from __future__ import annotations

import json
from typing import NoReturn

import pytest

from tacit.entrypoints.cli import doctor
from tacit.entrypoints.cli.program import run


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C, as soon as `tacit doctor` begins to look."""

    def interrupt(_: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(doctor, "examination", interrupt)


@pytest.mark.usefixtures("interrupted")
def test_an_interrupted_command_says_so_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["doctor"])
    said = capsys.readouterr()

    assert (code, said.out, said.err.strip()) == (130, "", "tacit: interrupted")


@pytest.mark.usefixtures("interrupted")
def test_an_interrupted_command_that_was_asked_for_json_answers_with_one_object(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = run(["doctor", "--json"])
    (line,) = capsys.readouterr().out.splitlines()

    assert code == json.loads(line)["error"]["exit_code"] == 130
