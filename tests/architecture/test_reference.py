"""The reference pages are what the code says, and say it of everything there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tacit.monitoring.metrics import CATALOGUE
from tacit.settings import known_keys
from tools.reference import FOLDER, PAGES, main, openapi_document, rendered, stale


def page(name: str) -> str:
    return (FOLDER / name).read_text("utf-8")


def test_no_page_is_stale() -> None:
    assert stale() == [], "run make docs"


def test_every_setting_operation_and_metric_is_documented() -> None:
    operations = [f"`{verb.upper()} {path}`" for path, all_ in openapi_document()["paths"].items() for verb in all_]

    assert [key for key in known_keys() if f"| `{key}` |" not in page("settings.md")] == []
    assert [operation for operation in operations if f"## {operation}" not in page("api.md")] == []
    assert [metric.name for metric in CATALOGUE if f"| `{metric.name}` |" not in page("metrics.md")] == []


@pytest.mark.parametrize(
    "command", ["tacit up", "tacit import", "tacit models verify", "tacit rollback", "tacit doctor"]
)
def test_the_commands_are_documented_with_their_subcommands(command: str) -> None:
    assert f"## `{command}`" in page("cli.md")


def test_a_page_that_is_not_what_the_code_says_is_found(tmp_path: Path) -> None:
    for name, made in PAGES.items():
        (tmp_path / name).write_text(rendered(made), "utf-8")
    before = stale(tmp_path)
    (tmp_path / "cli.md").write_text(page("cli.md").replace("--promote", "--publish"))
    (tmp_path / "metrics.md").unlink()

    assert (before, stale(tmp_path)) == ([], ["cli.md", "metrics.md"])


def test_checking_writes_nothing_and_says_what_is_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0
    assert "up to date" in capsys.readouterr().out
