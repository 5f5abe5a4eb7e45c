"""The program: all commands under one name, and one place where errors become messages and exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Protocol, cast

import typer

from tacit.entrypoints.cli import exits
from tacit.entrypoints.cli.ab import ab_commands
from tacit.entrypoints.cli.accounts import account_commands
from tacit.entrypoints.cli.alerts import alert_commands
from tacit.entrypoints.cli.auditing import audit_commands
from tacit.entrypoints.cli.browsing import browsing_commands
from tacit.entrypoints.cli.data import data_commands
from tacit.entrypoints.cli.drift import drift_commands
from tacit.entrypoints.cli.experiments import experiment_commands
from tacit.entrypoints.cli.guards import guard_commands
from tacit.entrypoints.cli.installation import installation_commands
from tacit.entrypoints.cli.jobs import job_commands
from tacit.entrypoints.cli.keys import key_commands
from tacit.entrypoints.cli.lists import list_commands
from tacit.entrypoints.cli.models import model_commands
from tacit.entrypoints.cli.monitoring import monitoring_commands
from tacit.entrypoints.cli.quarantine import quarantine_commands
from tacit.entrypoints.cli.render import print_json, say
from tacit.entrypoints.cli.rollouts import rollout_commands
from tacit.entrypoints.cli.search import search_commands
from tacit.entrypoints.cli.serving import serving_commands
from tacit.entrypoints.cli.traffic import traffic_commands
from tacit.entrypoints.cli.trail import trail_commands
from tacit.entrypoints.cli.training import training_commands
from tacit.errors import TacitError

# The parser's own complaints; Typer names their common class nowhere in public.
_UsageProblem: type[Exception] = typer.BadParameter.__bases__[0]


class _Complaint(Protocol):
    def format_message(self) -> str: ...
    def show(self) -> None: ...


def program() -> typer.Typer:
    """All commands."""
    app = typer.Typer(
        name="tacit",
        add_completion=False,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        help="Learns from what people do, and recommends what is good next: gated, signed, explained.",
        epilog="Exit codes: " + "; ".join(f"{code} {meaning}" for code, meaning in exits.MEANINGS.items()) + ".",
    )
    app.callback()(_root)
    for add_commands in (
        serving_commands,
        data_commands,
        quarantine_commands,
        training_commands,
        search_commands,
        experiment_commands,
        job_commands,
        drift_commands,
        list_commands,
        browsing_commands,
        model_commands,
        rollout_commands,
        ab_commands,
        key_commands,
        account_commands,
        trail_commands,
        audit_commands,
        guard_commands,
        traffic_commands,
        alert_commands,
        monitoring_commands,
        installation_commands,
    ):
        add_commands(app)
    return app


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns its exit code."""
    is_json = "--json" in arguments
    try:
        outcome = typer.main.get_command(program())(list(arguments), prog_name="tacit", standalone_mode=False)
    except TacitError as error:
        return told(error, is_json=is_json)
    except _UsageProblem as problem:
        return _misunderstood(cast("_Complaint", problem), is_json=is_json)
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted(is_json=is_json)
    except BrokenPipeError:
        # Whoever read our answer has read enough; Python must not complain when it flushes on its way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.OK
    except Exception as error:
        return _unexpected(error, is_json=is_json)
    if outcome == exits.INTERRUPTED:
        # Typer has made an exit code of the interruption already, and said nothing.
        return _interrupted(is_json=is_json)
    return outcome if isinstance(outcome, int) else exits.OK


def _print_version(is_asked: bool) -> None:
    if is_asked:
        from tacit import __version__

        typer.echo(f"tacit {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and end.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    del version  # its callback has spoken already


def told(error: TacitError, *, is_json: bool) -> int:
    """Say what went wrong; returns the exit code that it has."""
    code = exits.exit_code_of(error)
    if is_json:
        print_json({"error": {**error.as_dict(), "exit_code": code}})
    where = f" ({error.field})" if error.field else ""
    say(f"tacit: {error.code}{where}: {error.detail}")
    if error.fix:
        say(f"  {error.fix}")
    return code


def _misunderstood(problem: _Complaint, *, is_json: bool) -> int:
    if is_json:
        error = {"code": "usage_invalid", "detail": problem.format_message(), "exit_code": exits.USAGE}
        print_json({"error": error})
    problem.show()
    return exits.USAGE


def _interrupted(*, is_json: bool) -> int:
    if is_json:
        print_json({"error": {"code": "interrupted", "detail": "Interrupted.", "exit_code": exits.INTERRUPTED}})
    say("tacit: interrupted")
    return exits.INTERRUPTED


def _unexpected(error: Exception, *, is_json: bool) -> int:
    import traceback

    detail = f"{type(error).__name__}: {ascii(str(error))[1:-1][:200]}"
    if is_json:
        print_json({"error": {"code": "unexpected", "detail": detail, "exit_code": exits.UNEXPECTED}})
    traceback.print_exception(error)
    say(f"tacit: unexpected: {detail}")
    say("  This is a bug: please report it with the lines above.")
    return exits.UNEXPECTED
