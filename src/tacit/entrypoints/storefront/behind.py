"""What the pages stand on that more is asked of than lists: moods, charts, events, and what somebody chose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tacit.bootstrap import App, Serving
from tacit.bootstrap.console import database_lost_since
from tacit.entrypoints.api.visiting import Visiting, visiting_of
from tacit.entrypoints.storefront.acts import VERBS, Acting, Verb
from tacit.monitoring.interfaces import MetricSink
from tacit.serving.browsing import Browsing
from tacit.serving.hides import HidingDesk
from tacit.serving.user_desk import UserDesk


@dataclass(frozen=True)
class Behind:
    """What stands behind the pages of an installation.

    Attributes:
        browsing: Moods, charts and draws.
        users: What people chose.
        hiding: What they never want to see.
        acting: Does what they do.
        metrics: Counts.
        profile: Whose verbs there are.
        lost_since_ms: Since when the database cannot be asked, in milliseconds since 1970; `None` while it can.
        visiting: Has browsers keep who they are; `None` where only who signs in is known.
    """

    browsing: Browsing
    users: UserDesk
    hiding: HidingDesk
    acting: Acting
    metrics: MetricSink
    profile: str
    visiting: Visiting | None
    lost_since_ms: Callable[[], int | None] = lambda: None

    @property
    def verb(self) -> Verb:
        """What people do here with what is recommended."""
        return VERBS[self.profile]


def behind(app: App, parts: Serving) -> Behind:
    """What stands behind the pages of a server."""
    profile = app.settings.events.profile

    def standing(user_id: str) -> str:
        return parts.service.making.profile(parts.pool.current(), user_id, is_refused=False).stamp

    acting = Acting(parts.intake, parts.hiding, parts.metrics, profile=profile, standing=standing)
    return Behind(
        parts.browsing,
        parts.users,
        parts.hiding,
        acting,
        parts.metrics,
        profile=profile,
        visiting=visiting_of(app),
        lost_since_ms=lambda: database_lost_since(parts),
    )
