"""The hatch in the home through which readers hand events to the process that takes them, wired."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from tacit.bootstrap.app import App

if TYPE_CHECKING:
    from tacit.data.intake import EventDoor


@contextmanager
def open_to_readers(app: App, taking: AbstractContextManager[EventDoor]) -> Iterator[EventDoor]:
    """Take events, those that readers hand over included; where they cannot reach us, they refuse them as ever."""
    import structlog

    from tacit.adapters.event_relay import EventHatch

    with taking as door:
        hatch = EventHatch(app.settings.home.resolve(), door)
        try:
            hatch.open()
        except OSError as problem:
            structlog.get_logger(__name__).warning("event_hatch_unopened", detail=str(problem)[:200])
        try:
            yield door
        finally:
            hatch.close()


@contextmanager
def handed_on(app: App, hearing: AbstractContextManager[EventDoor]) -> Iterator[EventDoor]:
    """Hear of events, and hand those that come here to the process that takes them."""
    from tacit.adapters.event_relay import RelayedEvents

    with hearing:
        relayed = RelayedEvents(app.settings.home.resolve())
        try:
            yield relayed
        finally:
            relayed.close()
