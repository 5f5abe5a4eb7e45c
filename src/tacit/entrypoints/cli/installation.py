"""Commands on the installation itself: which settings are in force, and what is wrong with it."""

from __future__ import annotations

from dataclasses import asdict

import typer

from tacit.entrypoints.cli import exits
from tacit.entrypoints.cli.options import Asked, command
from tacit.entrypoints.cli.render import show, table


def installation_commands(app: typer.Typer) -> None:
    """Add them to the program."""
    command(app, "settings")(list_settings)
    command(app, "doctor")(examine)


def list_settings(asked: Asked) -> None:
    """List each setting in force, and where its value came from."""
    origins = asked.settings().origins
    rows = [(each.key, each.value, each.source) for each in origins]
    show([asdict(each) for each in origins], lambda: [table(("key", "value", "from"), rows)], is_json=asked.is_json)


def examine(asked: Asked) -> None:
    """Say what is wrong with this installation, and how to mend it."""
    from tacit.entrypoints.cli.doctor import examination
    from tacit.entrypoints.cli.logs import log_to_stderr

    log_to_stderr("error")
    findings = examination(asked)
    rows = [(each.outcome, each.name, each.said + (f"\n→ {each.fix}" if each.fix else "")) for each in findings]
    show([asdict(each) for each in findings], lambda: [table(("", "check", "found"), rows)], is_json=asked.is_json)
    if any(each.outcome == "fail" for each in findings):
        raise typer.Exit(exits.REFUSED)
