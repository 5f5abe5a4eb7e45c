"""What hiding items for single users takes, wired for as long as a server runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tacit.bootstrap.app import App
from tacit.bootstrap.catalogue import polled

if TYPE_CHECKING:
    from tacit.serving.hides import FollowedHides, HidingDesk
    from tacit.serving.live_catalogue import FollowedCatalogue
    from tacit.serving.model_pool import ModelPool


@contextmanager
def following_hides(app: App, *, told: Callable[[Collection[str]], None]) -> Iterator[FollowedHides]:
    """What users hid, all of it read, and from then on as soon as any process writes it.

    Args:
        app: The platform.
        told: Told of users who hid or took back something.

    Raises:
        Unavailable: It cannot be read.
    """
    from tacit.serving.hides import FollowedHides

    hides = FollowedHides(app.hiding, told=told)
    hides.refresh()
    with polled(hides, name="hides"):
        yield hides


def hiding_desk(app: App, hides: FollowedHides, catalogue: FollowedCatalogue, *, pool: ModelPool) -> HidingDesk:
    """Where users hide items, and take that back."""
    from tacit.serving.hides import HidingDesk

    return HidingDesk(app.hiding, hides, catalogue=catalogue, pool=pool, clock=time.time)
