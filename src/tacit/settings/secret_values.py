"""Secrets: from the environment or files of their own, never from a command line, and none that everybody guesses."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import get_args
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, SecretStr

from tacit.errors import Misconfigured
from tacit.security.secrets import address_shown
from tacit.settings.tree import Settings

FILE_FORM = "file:"
FILE_SUFFIX = "_FILE"
_MAX_BYTES = 65_536
_GUESSED = frozenset(
    {
        "admin", "changeme", "change-me", "change_me", "default", "example", "guest", "letmein", "password", "passw0rd",
        "postgres", "qwerty", "redis", "root", "secret", "tacit", "test", "todo", "xxx", "123456", "12345678",
    }
)  # fmt: skip


@cache
def secret_keys() -> frozenset[str]:
    """Dotted keys of the settings that hold a secret."""
    return frozenset(_secrets_of(Settings, ""))


def told_secret(key: str, value: object, source: str) -> tuple[object, str]:
    """A setting's value as it is in force, and where it came from: that of a file, where it names one.

    Raises:
        Misconfigured: `secret_exposed`, `secret_unreadable`, `setting_invalid`.
    """
    if key not in secret_keys() or not isinstance(value, str):
        return value, source
    if value.startswith(FILE_FORM):
        path = Path(value.removeprefix(FILE_FORM))
        return _from_file(key, path), f"{FILE_FORM}{path}"
    return value, source


def check_told(key: str, value: str) -> None:
    """Refuse a secret that stands on a command line.

    Raises:
        Misconfigured: `secret_exposed`.
    """
    if key in secret_keys() and not value.startswith(FILE_FORM) and address_shown(value) != value:
        raise Misconfigured(
            "secret_exposed",
            f"{key} stands on the command line, where every process of this machine can read it.",
            field=key,
            fix=f"Give it in the environment (TACIT_{key.upper().replace('.', '__')}), or as {key}=file:/path.",
        )


def check_kept(key: str, value: object, path: Path) -> None:
    """Refuse a settings file that holds a secret and that everybody may read.

    Raises:
        Misconfigured: `secret_exposed`.
    """
    if key not in secret_keys() or not isinstance(value, str) or value.startswith(FILE_FORM):
        return
    if address_shown(value) != value and path.stat().st_mode & stat.S_IROTH:
        raise _exposed(key, path)


def check_guessed(key: str, secret: SecretStr, host: str) -> None:
    """Refuse a secret that everybody guesses, unless nobody but this machine can reach what it protects.

    Raises:
        Misconfigured: `secret_weak`.
    """
    if not _is_loopback(host) and _guessable(secret.get_secret_value()):
        raise Misconfigured(
            "secret_weak",
            f"{key} is, or holds, a secret that everybody guesses, and the server is bound to {host}.",
            field=key,
            fix="Choose a long one at random, as of `openssl rand -hex 32`.",
        )


def _guessable(value: str) -> bool:
    if value.lower() in _GUESSED:
        return True
    try:
        password = urlsplit(value).password
    except ValueError:
        return False
    return password is not None and unquote(password).lower() in _GUESSED


def _from_file(key: str, path: Path) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as problem:
        raise _unreadable(key, path, str(problem.strerror)) from problem
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise _unreadable(key, path, "it is no file")
        if found.st_mode & stat.S_IRWXO:
            raise _exposed(key, path)
        raw = file.read(_MAX_BYTES + 1)
    try:
        text = raw.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise _unreadable(key, path, "it is not UTF-8") from None
    if not text or len(raw) > _MAX_BYTES or (not text.isprintable() and "-----BEGIN" not in text):
        raise _unreadable(key, path, "it must hold the secret in one line, and nothing else")
    return text


def _secrets_of(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        kinds = (field.annotation, *get_args(field.annotation))
        if SecretStr in kinds:
            yield f"{prefix}{name}"
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from _secrets_of(kind, f"{prefix}{name}.")


def file_variables(environ: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Values by key of variables such as `TACIT_DATABASE_URL_FILE`, which name the file of a secret."""
    names = {f"TACIT_{key.upper().replace('.', '__')}{FILE_SUFFIX}": key for key in secret_keys()}
    found = {name: key for name, key in names.items() if environ.get(name, "").strip()}
    return {key: (FILE_FORM + environ[name].strip(), name) for name, key in found.items()}


def _exposed(key: str, path: Path) -> Misconfigured:
    return Misconfigured(
        "secret_exposed",
        f"{path}, which holds {key}, can be read by every user of this machine.",
        field=key,
        fix=f"Run `chmod o-rwx {path}`, and choose another secret: this one may be known.",
    )


def _unreadable(key: str, path: Path, problem: str) -> Misconfigured:
    return Misconfigured(
        "secret_unreadable", f"The secret of {key} cannot be read from {path}: {problem}.", field=key, fix="Mend it."
    )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
