"""What hiding items for single users takes, wired for as long as a server runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from tacit.bootstrap.app import App

if TYPE_CHECKING:
    from tacit.serving.hides import FollowedHides, HidingDesk
    from tacit.serving.live_catalogue import FollowedCatalogue
    from tacit.serving.model_pool import ModelPool


def followed_hides(app: App, *, told: Callable[[Collection[str]], None]) -> FollowedHides:
    """What users hid, all of it read.

    Args:
        app: The platform.
        told: Told of users who hid or took back something.

    Raises:
        Unavailable: It cannot be read.
    """
    from tacit.serving.hides import FollowedHides

    hides = FollowedHides(app.hiding, told=told)
    hides.refresh()
    return hides


def hiding_desk(app: App, hides: FollowedHides, catalogue: FollowedCatalogue, *, pool: ModelPool) -> HidingDesk:
    """Where users hide items, and take that back."""
    from tacit.serving.hides import HidingDesk

    return HidingDesk(app.hiding, hides, catalogue=catalogue, pool=pool, clock=time.time)
