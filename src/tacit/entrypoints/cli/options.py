"""What every command can be asked, declared once: where home is, which settings hold, and how to answer."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, ParamSpec, get_type_hints

import typer

if TYPE_CHECKING:
    from tacit.bootstrap import App, SettingsInForce

_P = ParamSpec("_P")
_PANEL = "On every command"

LARGEST = 2**31 - 1
"""The largest number of a version or a rollout that every database can be asked for."""

_Home = Annotated[
    Path | None,
    typer.Option(help="Folder that holds everything (setting `home`).", show_default=False, rich_help_panel=_PANEL),
]
_Config = Annotated[
    Path | None,
    typer.Option(help="Settings file, instead of ./tacit.toml.", show_default=False, rich_help_panel=_PANEL),
]
_Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A setting, as in `--set als.factors=32`.", rich_help_panel=_PANEL),
]
_Json = Annotated[bool, typer.Option("--json", help="Print one line of JSON on stdout.", rich_help_panel=_PANEL)]


@dataclass(frozen=True)
class Asked:
    """What a command was asked beyond its own options.

    Attributes:
        flags: Settings given on the command line, by dotted key.
        config: The settings file, where one was named.
        is_json: Whether the answer is one line of JSON.
    """

    flags: Mapping[str, object]
    config: Path | None
    is_json: bool

    def settings(self, **flags: object) -> SettingsInForce:
        """The settings in force, with further flags by dotted key.

        Raises:
            Misconfigured: What `load_settings` says of them.
        """
        from tacit.bootstrap import load_settings

        given = {key: value for key, value in flags.items() if value is not None}
        return load_settings(flags={**self.flags, **given}, config=self.config)

    @contextmanager
    def opened(self, **flags: object) -> Iterator[App]:
        """The platform over its home, for one command."""
        from tacit.bootstrap import build
        from tacit.entrypoints.cli.logs import log_to_stderr

        log_to_stderr("warning")
        with build(self.settings(**flags)) as app:
            yield app


def command(
    group: typer.Typer, name: str, **choices: Any
) -> Callable[[Callable[Concatenate[Asked, _P], None]], Callable[..., None]]:
    """Make a function whose first parameter is `Asked` a command that also takes what every command takes."""

    def register(function: Callable[Concatenate[Asked, _P], None]) -> Callable[..., None]:
        return group.command(name, **choices)(_with_shared(function))

    return register


def group_command(group: typer.Typer) -> Callable[[Callable[Concatenate[Asked, _P], None]], Callable[..., None]]:
    """The same for what a group does when none of its commands is named."""

    def register(function: Callable[Concatenate[Asked, _P], None]) -> Callable[..., None]:
        return group.callback(invoke_without_command=True)(_with_shared(function))

    return register


def _with_shared(function: Callable[Concatenate[Asked, _P], None]) -> Callable[..., None]:
    """The function with the shared options in place of its first parameter, as Typer reads signatures."""
    hints = get_type_hints(function, include_extras=True)
    own = list(inspect.signature(function).parameters.values())[1:]
    named = [each.replace(annotation=hints[each.name]) for each in own]
    shared = {"home": (_Home, None), "config": (_Config, None), "set_": (_Set, None), "json_": (_Json, False)}
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in shared.items()
    ]

    run: Callable[..., None] = function

    def asking(**given: Any) -> None:
        home, config, chosen, is_json = (given.pop(name) for name in shared)
        asked = Asked({**_settings_of(chosen or ()), **({"home": home} if home else {})}, config, is_json)
        run(asked, **given)

    asking.__signature__ = inspect.Signature([*named, *added])  # type: ignore[attr-defined]
    asking.__annotations__ = {each.name: each.annotation for each in (*named, *added)}
    asking.__doc__, asking.__name__ = function.__doc__, function.__name__
    return asking


def _settings_of(chosen: tuple[str, ...] | list[str]) -> dict[str, object]:
    from tacit.bootstrap import check_told

    settings: dict[str, object] = {}
    for pair in chosen:
        key, separator, value = pair.partition("=")
        if not separator or not key.strip():
            raise typer.BadParameter("write KEY=VALUE, for example als.factors=32", param_hint="--set")
        if value.strip():
            check_told(key.strip(), value.strip())
            settings[key.strip()] = value.strip()
    return settings
