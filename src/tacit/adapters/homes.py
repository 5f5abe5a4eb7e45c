"""The folder an installation keeps its state in, made where it is missing."""

from __future__ import annotations

from pathlib import Path

from tacit.errors import Misconfigured


def usable_home(path: Path) -> Path:
    """The home as an absolute path to a folder that exists.

    Raises:
        Misconfigured: `home_unusable`.
    """
    home = path.resolve()
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Misconfigured(
            "home_unusable",
            f"The home {home} cannot be made: {error.strerror}.",
            field="home",
            fix="Name a folder that you may write to (TACIT_HOME).",
        ) from error
    return home
