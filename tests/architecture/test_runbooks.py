"""Runbooks: one for each alert, told by the rules themselves; links lead somewhere, and commands exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from typer.main import get_command

from tacit.entrypoints.cli.program import program
from tools.alerting import DEPLOY, INDEX, RUNBOOKS, deployed_files, runbook_pages
from tools.guards.source import ROOT

PAGES = sorted(RUNBOOKS.glob("*.md"))
PARTS = ("## First look", "## Causes", "## Fix", "## Escalate", "## What fires")
INCIDENTS = {
    "incident-accuracy-drop.md": ("Gather (5 minutes)", "Root cause", "tacit rollback", "tacit train", "30 minutes"),
    "incident-api-failure.md": ("Fail over", "Logs", "canary", "5 %", "ten minutes", "tacit rollout abort"),
    "incident-security.md": ("tacit blocks add", "Tell", "tacit audit verify", "Mend", "Patch"),
}


@pytest.mark.requirement("DOCS-010")
def test_each_alert_has_a_runbook_that_tells_its_rules_as_they_are() -> None:
    expected = runbook_pages()

    assert [path.name for path, text in expected.items() if path.read_text("utf-8") != text] == []
    assert {path.name for path in PAGES} == {path.name for path in expected} | INCIDENTS.keys()


def test_the_files_of_prometheus_under_deploy_are_those_that_the_rules_make() -> None:
    expected = deployed_files()

    assert [str(path.relative_to(ROOT)) for path, text in expected.items() if path.read_text("utf-8") != text] == []
    assert all(path.is_relative_to(DEPLOY) for path in expected)


@pytest.mark.parametrize(
    "page", [path for path in PAGES if path.name not in {"README.md", *INCIDENTS}], ids=lambda p: p.stem
)
def test_a_runbook_says_what_to_look_at_what_to_do_and_whom_to_ask(page: Path) -> None:
    text = page.read_text("utf-8")
    sections = dict(zip(PARTS, re.split("|".join(map(re.escape, PARTS)), text)[1:], strict=True))

    assert text.startswith("# ")
    assert "1. " in sections["## First look"]
    assert sections["## Causes"].count("\n| ") >= 3  # its head, and two causes
    assert "1. " in sections["## Fix"]
    assert "README.md#escalation" in sections["## Escalate"]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_every_link_of_a_runbook_leads_to_a_place_that_is_there(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")):
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.is_file(), f"{page.name} links {target}"
        assert not anchor or anchor in _anchors(path), f"{page.name} links {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_every_command_that_a_runbook_names_exists(page: Path) -> None:
    for command in _commands(page.read_text("utf-8")):
        assert _problem(command) is None, f"{page.name}: {command}: {_problem(command)}"


def test_a_command_that_does_not_exist_would_be_found() -> None:
    assert _problem("tacit jobs lists") == "there is no lists"
    assert _problem("tacit jobs list --state failed") == "--state is no option"
    assert _problem("tacit audit --limit 5") is None


@pytest.mark.requirement("DOCS-013")
@pytest.mark.requirement("DOCS-014")
@pytest.mark.requirement("DOCS-015")
def test_each_incident_has_a_page_with_its_steps_in_order() -> None:
    for name, steps in INCIDENTS.items():
        text = (RUNBOOKS / name).read_text("utf-8")
        places = [text.find(step) for step in steps]

        assert -1 not in places, (name, steps[places.index(-1)])
        assert f"]({name})" in INDEX.read_text("utf-8")


@pytest.mark.requirement("DOCS-011")
@pytest.mark.requirement("DOCS-012")
@pytest.mark.requirement("DOCS-016")
def test_the_index_says_who_is_asked_next_and_what_follows_an_incident() -> None:
    _, _, path = INDEX.read_text("utf-8").partition("## Escalation")
    path, _, after = path.partition("## After an incident")

    for role in ("on-call engineer", "team lead", "ML lead", "DevOps lead", "project manager"):
        assert f"| {role} |" in path
    assert "without blame" in after
    assert "## When a threshold is wrong" in after


def _commands(text: str) -> Iterator[str]:
    for quoted in re.findall(r"`([^`\n]+)`", text):
        if quoted.startswith("tacit ") and not quoted.startswith("tacit_"):
            yield quoted


@cache
def _program() -> object:
    return get_command(program())


def _problem(command: str) -> str | None:
    """What is wrong with a command as a page names it."""
    words, here = shlex.split(command)[1:], _program()
    while words and hasattr(here, "commands"):
        if words[0].startswith("-"):
            break
        if words[0] not in here.commands:
            return f"there is no {words[0]}"
        here = here.commands[words.pop(0)]
    known = {name for each in here.params for name in each.opts}
    return next((f"{word} is no option" for word in words if word.startswith("--") and word not in known), None)


@cache
def _anchors(page: Path) -> frozenset[str]:
    heads = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads)
