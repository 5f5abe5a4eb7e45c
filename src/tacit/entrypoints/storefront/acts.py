"""What somebody does with an item on a page: as an event like any other's, or as a word that they never want to see it.

The buttons of a list say which answer they stand in and at what place, so that what is done is attributed to it.  A
button pressed twice is one act: its event has the same id.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b

from tacit.data.intake import EventDoor
from tacit.entrypoints.storefront.selection import plain_text
from tacit.errors import BadInput, TacitError, Unavailable
from tacit.monitoring.interfaces import MetricSink
from tacit.monitoring.storefront_metrics import ACTS, STOREFRONT_ACTS
from tacit.serving.hides import HidingDesk

SOURCE = "api"
"""How events that come this way are counted: as those of any other page that sends them."""

APPLIED_WITHIN = 0.5
"""Seconds that a page waits at most for what was just done to be in its list; what comes later, comes with the next."""

_LOOK_AGAIN = 0.01
_LONGEST_ID = 64


@dataclass(frozen=True, slots=True)
class Verb:
    """What people do with what a profile recommends.

    Attributes:
        type: The event's type.
        label: On the button.
        done: What is said afterwards, around the title.
        icon: Name of the button's picture.
    """

    type: str
    label: str
    done: str
    icon: str


VERBS: Mapping[str, Verb] = {
    "music": Verb("play", "Play", "Played {title}.", "play"),
    "lectures": Verb("enrol", "Enrol", "Enrolled in {title}.", "plus"),
    "movies": Verb("view", "Watched it", "{title} is among what you watched.", "check"),
}
"""By the profile of events."""

_DONE: Mapping[str, str] = {
    "like": "You like {title}. Your list follows.",
    "skip": "Skipped {title}. Your list follows.",
    "hide": "{title} will not be shown to you again.",
    "unhide": "{title} may be shown to you again.",
}
_HIDING = ("hide", "unhide")


@dataclass(frozen=True, slots=True)
class Deed:
    """One act, as a form sent it.

    Attributes:
        act: `take`, `like`, `skip`, `hide` or `unhide`.
        item_id: With what.
        list_id: The answer that it stands in; empty for none.
        place: Where in that, from 1; 0 for nowhere.
        once: Names the page that shows the button.
        surface: Which page that is.
    """

    act: str
    item_id: str
    list_id: str = ""
    place: int = 0
    once: str = ""
    surface: str = ""


def deed_of(form: Mapping[str, str]) -> Deed:
    """What a form says was done.

    Raises:
        BadInput: `act_unknown`, `text_malformed`, `request_malformed`.
    """
    act, place = form.get("act", ""), form.get("place", "0")
    if act not in ACTS:
        raise BadInput("act_unknown", "This page does not know what was to be done.", field="act", fix=_BACK)
    if not (place.isascii() and place.isdigit() and len(place) <= 4):
        raise BadInput("request_malformed", "The form cannot be read.", field="place", fix=_BACK)
    item_id = plain_text(form.get("item", ""), field="item")
    if not item_id:
        raise BadInput("field_missing", "The form names no item.", field="item", fix=_BACK)
    named = (plain_text(form.get(name, ""), field=name, max_length=_LONGEST_ID) for name in ("list", "once", "surface"))
    list_id, once, surface = named
    return Deed(act, item_id, list_id, int(place), once, surface)


def said_of(act: str, title: str, profile: str) -> str | None:
    """What is said once something was done; `None` for what nobody can do."""
    done = VERBS[profile].done if act == "take" else _DONE.get(act)
    # Not by `format` alone: a title may hold braces.
    return None if done is None else done.replace("{title}", title)


class Acting:
    """Does it, and waits a moment until lists know.

    Args:
        intake: Takes events.
        hiding: Hides items from single users.
        metrics: Counts.
        profile: Whose verbs and types of event there are.
        standing: Another text once something a user did is known to their lists.
        clock: Measures passing time in seconds.
    """

    def __init__(
        self,
        intake: EventDoor,
        hiding: HidingDesk,
        metrics: MetricSink,
        *,
        profile: str,
        standing: Callable[[str], str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._intake, self._hiding, self._metrics = intake, hiding, metrics
        self._profile, self._standing, self._clock = profile, standing, clock

    def do(self, user_id: str, deed: Deed) -> None:
        """Do it for a user; when this returns it is durable, and in their lists unless events wait.

        Raises:
            BadInput: What is wrong with the event.
            NotFound: `item_unknown`; `not_hidden`.
            Refused: `too_many_hidden`.
            Unavailable: It cannot be kept now.
        """
        if deed.act == "hide":
            self._hiding.hide(user_id, deed.item_id)
        elif deed.act == "unhide":
            self._hiding.unhide(user_id, deed.item_id)
        else:
            self._send(user_id, deed)
        self._metrics.increment(STOREFRONT_ACTS, act=deed.act)

    def _send(self, user_id: str, deed: Deed) -> None:
        before = self._standing(user_id)
        (taken,) = self._intake.take([self._event(user_id, deed)], source=SOURCE)
        if taken.problem is not None:
            problem = taken.problem
            kind: type[TacitError] = Unavailable if problem.code == "quarantine_unavailable" else BadInput
            raise kind(problem.code, problem.detail, field=problem.field, fix=problem.fix)
        if taken.fate == "stored":
            self._wait(user_id, before)

    def _wait(self, user_id: str, before: str) -> None:
        until = self._clock() + APPLIED_WITHIN
        while self._standing(user_id) == before and self._clock() < until:
            time.sleep(_LOOK_AGAIN)

    def _event(self, user_id: str, deed: Deed) -> dict[str, object]:
        kind = VERBS[self._profile].type if deed.act == "take" else deed.act
        said = f"{user_id}\n{deed.item_id}\n{kind}\n{deed.list_id}\n{deed.once}"
        event: dict[str, object] = {
            "event_id": f"storefront-{blake2b(said.encode(), digest_size=16).hexdigest()}",
            "user_id": user_id,
            "item_id": deed.item_id,
            "type": kind,
            "properties": {"surface": deed.surface or "page", **({"position": deed.place} if deed.place else {})},
        }
        return {**event, "recommendation_id": deed.list_id} if deed.list_id else event


_BACK = "Go back to the page, and press the button there."
