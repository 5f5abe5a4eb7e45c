"""Where each setting's value comes from, and that it is one.

Later wins: defaults, `tacit.toml`, the environment (`TACIT_PORT`, `TACIT_ALS__FACTORS`), the command line's flags.
A secret may stand in a file of its own: `TACIT_DATABASE_URL_FILE=/run/secrets/database`, or `file:/path` as its value.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError

from tacit.errors import Misconfigured
from tacit.security.secrets import address_shown
from tacit.settings.secret_values import check_guessed, check_kept, file_variables, told_secret
from tacit.settings.tree import Settings

ENV_PREFIX = "TACIT_"
CONFIG_VARIABLE = "TACIT_CONFIG"
_OF_TESTS = {"TACIT_TEST_DATA", "TACIT_TEST_DVC", "TACIT_TEST_MLFLOW", "TACIT_TEST_MOTO"}
FOREIGN_VARIABLES = frozenset({CONFIG_VARIABLE, "TACIT_ISA", *_OF_TESTS})
"""Variables of our prefix that are no settings."""


@dataclass(frozen=True)
class Origin:
    """Where one value in force came from.

    Attributes:
        key: Dotted name (`als.factors`).
        value: The value in force; of a secret no more than may be seen.
        source: `default`, `flag`, the variable's name, or the file's path.
    """

    key: str
    value: object
    source: str


@dataclass(frozen=True)
class SettingsInForce:
    """The settings, and where each value came from, in the order of the tree."""

    settings: Settings
    origins: tuple[Origin, ...]


def load_settings(
    *, flags: Mapping[str, object] | None = None, config: Path | None = None, environ: Mapping[str, str] | None = None
) -> SettingsInForce:
    """Read the settings from file, environment and flags.

    Args:
        flags: Values of the command line by dotted key; `None` values count as not given.
        config: The settings file; unset, `TACIT_CONFIG`, else `./tacit.toml` where there is one.
        environ: The environment; the process's own unless given.

    Raises:
        Misconfigured: `setting_unknown` with its nearest neighbour, `setting_invalid` naming key and value's shape,
            `config_unreadable`; of secrets `secret_exposed`, `secret_unreadable`, `secret_weak`.
    """
    environ = os.environ if environ is None else environ
    layers = [_from_file(config, environ), _from_environment(environ), _from_flags(flags or {})]
    known = known_keys()
    values: dict[str, object] = {}
    sources: dict[str, str] = {}
    for layer in layers:
        for key, (value, source) in layer.items():
            if key not in known:
                raise _unknown(key, source)
            values[key], sources[key] = told_secret(key, value, source)
    settings = _validated(values, sources)
    _check_secrets(settings)
    found = tuple(
        Origin(key, _presentable(value), sources.get(key, "default"))
        for key, value in _flat(settings.model_dump()).items()
    )
    return SettingsInForce(settings, found)


def known_keys() -> dict[str, object]:
    """Every dotted key and its default."""
    return _flat(Settings().model_dump())


def _check_secrets(settings: Settings) -> None:
    for key, value in _flat(settings.model_dump()).items():
        if isinstance(value, SecretStr):
            check_guessed(key, value, settings.host)


def _presentable(value: object) -> object:
    return address_shown(value.get_secret_value()) if isinstance(value, SecretStr) else value


def _from_file(config: Path | None, environ: Mapping[str, str]) -> dict[str, tuple[object, str]]:
    named = config or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
    path = named or Path("tacit.toml")
    if named is None and not path.exists():
        return {}
    try:
        tree = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as problem:
        raise _unreadable(path, str(problem)) from problem
    found = _flat(tree)
    for key, value in found.items():
        check_kept(key, value, path)
    return {key: (value, str(path)) for key, value in found.items()}


def _from_environment(environ: Mapping[str, str]) -> dict[str, tuple[object, str]]:
    files = file_variables(environ)
    foreign = {*FOREIGN_VARIABLES, *(name for _, name in files.values())}
    names = [name for name in environ if name.startswith(ENV_PREFIX) and name not in foreign]
    keys = {name: name.removeprefix(ENV_PREFIX).lower().replace("__", ".") for name in sorted(names)}
    found = {key: (environ[name].strip(), name) for name, key in keys.items()}
    for key, (value, name) in found.items():
        _refuse_quotes(key, value, name)
    given = {key: (_read(key, value), name) for key, (value, name) in found.items() if value}
    for key, (_, name) in files.items():
        if key in given:
            detail = f"{given[key][1]} and {name} both say what {key} is."
            raise Misconfigured("setting_invalid", detail, field=key, fix="Set one of them.")
    return {**files, **given}


def _read(key: str, value: object) -> object:
    """What a text says of a setting that has several values: an array, as in a file; what is none is refused later."""
    if not isinstance(value, str) or not value.startswith("[") or not isinstance(known_keys().get(key), tuple):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _refuse_quotes(key: str, value: str, name: str) -> None:
    """Quotes that a shell would have removed, but a container's environment file does not; and lines within a value."""
    if not value.isprintable():
        raise Misconfigured(
            "setting_invalid", f"The value of {name} is more than one line.", field=key, fix="Write it on one line."
        )
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        raise Misconfigured(
            "setting_invalid", f"The value of {name} stands in quotes.", field=key, fix="Write it without them."
        )


def _from_flags(flags: Mapping[str, object]) -> dict[str, tuple[object, str]]:
    return {key: (_read(key, value), "flag") for key, value in flags.items() if value is not None}


def _validated(values: Mapping[str, object], sources: Mapping[str, str]) -> Settings:
    try:
        return Settings.model_validate(_nested(values))
    except ValidationError as problem:
        first = problem.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "settings"
        where = f" (from {sources[key]})" if key in sources else ""
        raise Misconfigured(
            "setting_invalid",
            f"{key}{where}: {first['msg'].removeprefix('Value error, ')}.",
            field=key,
            fix="See `tacit settings` and docs/reference/settings.md.",
        ) from problem


def _unknown(key: str, source: str) -> Misconfigured:
    near = get_close_matches(key, known_keys(), n=1, cutoff=0.5)
    fix = f"Did you mean {near[0]}?" if near else "See docs/reference/settings.md for the settings there are."
    return Misconfigured(
        "setting_unknown", f"There is no setting {ascii(key)[:64]} (from {source}).", field=key, fix=fix
    )


def _unreadable(path: Path, problem: str) -> Misconfigured:
    return Misconfigured(
        "config_unreadable",
        f"{path} cannot be read: {problem[:200]}.",
        field=str(path),
        fix="Mend it, or name another with --config.",
    )


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in tree.items():
        found |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return found


def _nested(flat: Mapping[str, object]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in flat.items():
        *groups, name = key.split(".")
        branch = tree
        for group in groups:
            branch = branch.setdefault(group, {})
        branch[name] = value
    return tree
