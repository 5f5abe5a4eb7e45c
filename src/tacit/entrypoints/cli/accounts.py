"""Commands on accounts: make them, change them, and the keys that their tokens are signed with."""

from __future__ import annotations

import getpass
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from tacit.entrypoints.cli.options import Asked, command
from tacit.entrypoints.cli.people import actor
from tacit.entrypoints.cli.render import facts, show, table
from tacit.errors import BadInput
from tacit.security.accounts import Account, account_as_dict

Which = Annotated[str, typer.Argument(metavar="ACCOUNT", help="Login or id of the account.")]
PasswordFile = Annotated[
    Path | None,
    typer.Option(help="File with the password, or - for stdin; unset, you are asked.", show_default=False),
]
_MOST_BYTES = 4_096


def account_commands(app: typer.Typer) -> None:
    """Add them to the program."""
    accounts = typer.Typer(help="Say who may sign in, and as what.", no_args_is_help=True)
    command(accounts, "create")(create)
    command(accounts, "list")(list_accounts)
    command(accounts, "disable")(disable)
    command(accounts, "enable")(enable)
    command(accounts, "set-password")(set_password)
    command(accounts, "set-role")(set_role)
    command(accounts, "revoke")(revoke)
    command(accounts, "rotate-token-key")(rotate_token_key)
    app.add_typer(accounts, name="accounts")


def create(
    asked: Asked,
    login: Annotated[str, typer.Argument(metavar="LOGIN", help="What they call themselves when they sign in.")],
    *,
    role: Annotated[str, typer.Option(help="reader, writer, operator or admin.")] = "reader",
    user: Annotated[str | None, typer.Option(help="The only user they may read.", show_default=False)] = None,
    password_file: PasswordFile = None,
) -> None:
    """Make an account; the first admin is made so."""
    password = _password(password_file)
    with asked.opened() as app:
        _show(app.people.desk.create(login, password, role=role, actor=actor(), user_id=user), asked)


def list_accounts(asked: Asked) -> None:
    """List all accounts, by login."""
    with asked.opened() as app:
        found = app.people.desk.all()
    rows = [
        (
            each.login,
            each.role,
            "disabled" if each.is_disabled else "",
            each.user_id,
            "elsewhere" if each.password_hash is None else "password",
            datetime.fromtimestamp(each.created_at_ms / 1_000, UTC).isoformat(timespec="seconds"),
        )
        for each in found
    ]
    human = table(("login", "role", "state", "user", "signs in by", "made"), rows) if rows else "There are none."
    show({"accounts": [account_as_dict(each) for each in found]}, lambda: [human], is_json=asked.is_json)


def disable(asked: Asked, account: Which) -> None:
    """Let nobody sign in with an account any more, and end its sign-ins within seconds."""
    with asked.opened() as app:
        _show(app.people.desk.disable(account, actor=actor()), asked)


def enable(asked: Asked, account: Which) -> None:
    """Let somebody sign in again."""
    with asked.opened() as app:
        _show(app.people.desk.enable(account, actor=actor()), asked)


def set_password(asked: Asked, account: Which, *, password_file: PasswordFile = None) -> None:
    """Give an account another password, and end its sign-ins."""
    password = _password(password_file)
    with asked.opened() as app:
        _show(app.people.desk.set_password(account, password, actor=actor()), asked)


def set_role(
    asked: Asked,
    account: Which,
    role: Annotated[str, typer.Argument(metavar="ROLE", help="reader, writer, operator or admin.")],
) -> None:
    """Change what somebody may; they sign in anew."""
    with asked.opened() as app:
        _show(app.people.desk.set_role(account, role, actor=actor()), asked)


def revoke(asked: Asked, account: Which) -> None:
    """End all sign-ins of an account, everywhere within seconds."""
    with asked.opened() as app:
        ended = app.people.desk.end_sign_ins(account, actor=actor())
    show({"sign_ins_ended": ended}, lambda: [f"{ended} sign-ins ended."], is_json=asked.is_json)


def rotate_token_key(
    asked: Asked,
    *,
    drop_old: Annotated[
        bool, typer.Option("--drop-old", help="After a theft: no token so far holds any more.")
    ] = False,
) -> None:
    """Sign access tokens with a new key; the one before still counts for a day."""
    with asked.opened() as app:
        kids = app.people.rotate_keys(drop_old=drop_old, actor=actor())
    told = f"New tokens are signed with {kids[-1]}" + ("." if drop_old else " ten seconds from now, by every server.")
    show({"keys": list(kids)}, lambda: [told], is_json=asked.is_json)


def _password(file: Path | None) -> str:
    """A password, from wherever nobody else can read it: never from the command line, which every process can see."""
    if file is None and sys.stdin.isatty():
        first = getpass.getpass("Password: ")
        if getpass.getpass("Again: ") != first:
            raise BadInput("password_mistyped", "The two passwords differ.", field="password", fix="Try again.")
        return first
    try:
        raw = sys.stdin.buffer.read(_MOST_BYTES) if file is None or str(file) == "-" else _head(file)
        return raw.decode().partition("\n")[0].removesuffix("\r")
    except (OSError, UnicodeDecodeError) as error:
        detail = f"The password cannot be read: {type(error).__name__}."
        raise BadInput("password_unreadable", detail, field="--password-file") from error


def _head(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(_MOST_BYTES)


def _show(account: Account, asked: Asked) -> None:
    about = account_as_dict(account)
    show(about, lambda: [facts(about)], is_json=asked.is_json)
