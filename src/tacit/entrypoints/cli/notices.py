"""What an operator should hear of, once, before something takes long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tacit.entrypoints.cli.render import say

if TYPE_CHECKING:
    from tacit.bootstrap import App


def tell_notices(app: App) -> None:
    """Say it on stderr."""
    for notice in app.notices:
        say(f"tacit: {notice}")
