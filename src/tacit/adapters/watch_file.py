"""How a server finds itself watched, noted in its home for every other process that is asked."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tacit.adapters.processes import is_gone, own_name
from tacit.monitoring.watch import Trouble, WatchState

FILE = "watch.json"
OLD_SECONDS = 60.0
"""A note that was not written anew for so long is nobody's."""


class WatchFile:
    """The note, in a folder.

    Args:
        folder: Where it lies, beside the files of the servers that watch.
        clock: Seconds since 1970.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._path, self._clock = folder / FILE, clock

    def write(self, state: WatchState, addresses: Mapping[str, str]) -> None:
        """Note how things stand, and where the servers are that this process started; a full disk keeps the old note.

        Args:
            state: What was found.
            addresses: `prometheus`, `alertmanager`, as far as there are any.
        """
        noted = {"by": own_name(), "at": self._clock(), "servers": dict(addresses), **asdict(state)}
        beside = self._path.with_suffix(".new")
        with suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            beside.write_text(json.dumps(noted), "utf-8")
            beside.replace(self._path)

    def remove(self) -> None:
        """Leave no note."""
        self._path.unlink(missing_ok=True)

    def state(self) -> WatchState | None:
        """What was noted last; `None` where nobody notes anything now."""
        noted = self._noted()
        if noted is None or self._clock() - noted["at"] > OLD_SECONDS or is_gone(noted["by"]):
            return None
        ago, scraped = max(0.0, self._clock() - noted["at"]), noted["scraped_seconds_ago"]
        return WatchState(
            is_expected=noted["is_expected"],
            scraped_seconds_ago=None if scraped is None else scraped + ago,
            alertmanager=noted["alertmanager"],
            troubles=tuple(Trouble(**each) for each in noted["troubles"]),
        )

    def addresses(self) -> Mapping[str, str]:
        """Where the servers are that somebody started; they outlive one that was killed."""
        noted = self._noted()
        return {} if noted is None else dict(noted["servers"])

    def _noted(self) -> dict[str, Any] | None:
        try:
            noted: dict[str, Any] = json.loads(self._path.read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return noted
