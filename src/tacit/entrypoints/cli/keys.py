"""Commands on API keys: made, listed, rotated, revoked, and asked of everybody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tacit.entrypoints.cli.options import Asked, command
from tacit.entrypoints.cli.people import actor
from tacit.entrypoints.cli.render import facts, show, table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tacit.bootstrap import App
    from tacit.security.key_desk import Issued
    from tacit.security.keys import ApiKey

KeyId = Annotated[str, typer.Argument(metavar="KEY", help="Id of the key: the eight letters and digits in its middle.")]
Reason = Annotated[str, typer.Option(help="Why, for the audit trail.")]


def key_commands(app: typer.Typer) -> None:
    """Add them to the program."""
    keys = typer.Typer(help="Give out keys to the API, and take them back.", no_args_is_help=True)
    command(keys, "create")(create_key)
    command(keys, "list")(list_keys)
    command(keys, "show")(show_key)
    command(keys, "rotate")(rotate_key)
    command(keys, "revoke")(revoke_key)
    command(keys, "require-all")(require_all)
    app.add_typer(keys, name="keys")


def create_key(
    asked: Asked,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for.")],
    *,
    role: Annotated[
        str | None, typer.Option(help="What it allows: reader, writer, operator or admin.", show_default=False)
    ] = None,
    scope: Annotated[list[str] | None, typer.Option(help="In place of a role, one thing that it allows.")] = None,
    user: Annotated[
        str | None, typer.Option(help="The only user it may read and write for.", show_default=False)
    ] = None,
    owner: Annotated[
        str | None, typer.Option(help="Who is asked when it misbehaves; you, unless given.", show_default=False)
    ] = None,
    expires: Annotated[
        str | None, typer.Option(help="90d, 24h, or an ISO 8601 time with zone; else never.", show_default=False)
    ] = None,
    exempt: Annotated[bool, typer.Option("--exempt", help="Only count limits for it.")] = False,
) -> None:
    """Make a key; it is shown once, and kept nowhere."""
    from tacit.security.key_wishes import wish_of

    said = {"name": name, "owner": owner, "role": role, "scopes": scope or None, "user_id": user}
    with asked.opened() as app:
        desk = app.keys.desk
        wish = wish_of({**said, "expires": expires, "exempt": exempt}, now_ms=desk.now_ms())
        issued = desk.create(wish, actor=actor())
        _show_issued(asked, app, issued)


def list_keys(asked: Asked) -> None:
    """List all keys there ever were, the newest first."""
    with asked.opened() as app:
        listed = [_as_dict(app, key) for key in app.keys.desk.all_keys()]
    show({"keys": listed}, lambda: _listed(listed), is_json=asked.is_json)


def show_key(asked: Asked, key_id: KeyId) -> None:
    """Show what a key allows, until when, and how much it is used."""
    with asked.opened() as app:
        shown = _as_dict(app, app.keys.desk.key(key_id))
    show(shown, lambda: [facts(_told(shown))], is_json=asked.is_json)


def rotate_key(
    asked: Asked,
    key_id: KeyId,
    *,
    overlap: Annotated[str, typer.Option(help="For how long the old secret holds too: 0, 1h, 7d; at most 30d.")] = "1d",
) -> None:
    """Give a key another secret, shown once; the old one holds beside it for a while."""
    from tacit.security.key_wishes import overlap_ms

    with asked.opened() as app:
        desk = app.keys.desk
        issued = desk.rotate(key_id, overlap_ms=overlap_ms(overlap, now_ms=desk.now_ms()), actor=actor())
        _show_issued(asked, app, issued)


def revoke_key(asked: Asked, key_id: KeyId, *, reason: Reason = "") -> None:
    """End a key for good, in every running server within five seconds."""
    with asked.opened() as app:
        shown = _as_dict(app, app.keys.desk.revoke(key_id, reason=reason, actor=actor()))
    told = f"{key_id} is revoked; servers let it go within five seconds."
    show(shown, lambda: [told], is_json=asked.is_json)


def require_all(
    asked: Asked,
    switch: Annotated[Literal["on", "off", "show"], typer.Argument(metavar="on|off|show", help="What is to be so.")],
    *,
    reason: Reason = "",
) -> None:
    """Have everybody say who they are, in every running server within five seconds, whatever the settings say."""
    with asked.opened() as app:
        desk, mode = app.keys.desk, app.settings.auth.mode
        is_on = desk.is_required()
        if switch != "show":
            is_on = desk.require(switch == "on", reason=reason, actor=actor())
    in_force = "required" if is_on else mode
    answer = {"required": is_on, "setting": mode, "in_force": in_force}
    show(answer, lambda: [f"auth.mode in force: {in_force} (the settings say {mode})"], is_json=asked.is_json)


def _show_issued(asked: Asked, app: App, issued: Issued) -> None:
    shown = _as_dict(app, issued.key)
    told = "Servers know it within a second. It is shown here and never again; keep it where secrets are kept."
    human: Sequence[RenderableType] = [facts(_told(shown)), issued.text, told]
    show({**shown, "key": issued.text}, lambda: human, is_json=asked.is_json)


def _as_dict(app: App, key: ApiKey) -> dict[str, object]:
    from tacit.security.key_desk import key_as_dict

    desk = app.keys.desk
    return key_as_dict(key, desk.uses().get(key.key_id), now_ms=desk.now_ms())


def _told(shown: Mapping[str, object]) -> Mapping[str, object]:
    """What a person is told of a key; what is not so is left out."""
    plain = {name.replace("_", " "): value for name, value in shown.items() if name not in ("secrets", "scopes")}
    scopes, secrets = shown["scopes"], shown["secrets"]
    held = len(secrets) if isinstance(secrets, list) else 0
    lists = {"scopes": " ".join(scopes) if isinstance(scopes, list) else "", "secrets that hold": held}
    return {name: value for name, value in {**plain, **lists}.items() if value not in (None, False, "")}


def _listed(listed: Sequence[Mapping[str, object]]) -> Iterable[RenderableType]:
    if not listed:
        return ["There are no keys. Make one: tacit keys create NAME --role reader"]
    columns = ("key", "name", "state", "role", "user", "uses", "last used", "expires")
    rows = [
        (
            each["key_id"],
            each["name"],
            each["state"],
            each["role"] or "(scopes)",
            each["user_id"],
            each["uses"],
            each["last_used_at"],
            each["expires_at"],
        )
        for each in listed
    ]
    return [table(columns, rows, numbers=("uses",))]
