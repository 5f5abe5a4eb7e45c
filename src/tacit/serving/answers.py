"""The words of an answer: what is recommended, why, and how far it is the answer we wanted to give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from msgspec import Struct

Source = Literal["personal", "blended", "similar", "category", "popular", "static", "mood", "trending", "discovery"]


# These two are made by the dozen for each answer, in a sixth of a dataclass's time; no cycle can be made of them.
class Reason(Struct, frozen=True, gc=False):
    """An item of the user's own history that speaks for a recommendation.

    Attributes:
        share: How much of all that speaks for it comes from this item, in (0, 1].
    """

    item_id: str
    title: str
    share: float


class Recommendation(Struct, frozen=True, gc=False):
    """One item of an answer.

    Attributes:
        score: What the list is ordered by, comparable within one answer only: for `personal` the model's preference
            (near 1 for what the user surely likes), for `blended` the sum of reciprocal ranks in the lists it was made
            of, for `similar` the cosine, for `category`, `popular` and `static` the share of all known users who met
            the item, for `mood` how well it suits, for `trending` how far above its usual share it rose.
        because: The items of the user's own history that contributed most, the strongest first.
    """

    item_id: str
    title: str
    categories: tuple[str, ...]
    score: float
    because: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """A list for somebody.

    Attributes:
        recommendation_id: Names the answer, so that what the user does next can be attributed to it.
        model_version: The one version all of it comes from (`recommender/3`).
        source: The step of the fallback chain that produced it.
        degraded: Whether a step that should have answered failed.
        items: The best first; fewer than asked for where there are no more.
        user_id: Whom it is for; `None` for somebody unknown.
        unknown_items: Liked items that are not in the catalogue, in the order given.
        holds_until_ms: Until when, in milliseconds since 1970, UTC, the same question may be answered with this list
            again as long as nothing happens that it rests on; `None` for not at all.
        rehearsed: Whether a lower step was chosen on purpose, so that it is in use every day; nothing failed.
    """

    recommendation_id: str
    model_version: str
    source: Source
    degraded: bool
    items: tuple[Recommendation, ...]
    user_id: str | None = None
    unknown_items: tuple[str, ...] = ()
    holds_until_ms: int | None = None
    rehearsed: bool = False


@dataclass(frozen=True, slots=True)
class ItemView:
    """What we know of an item.

    Attributes:
        listeners: How many users met it.
        available: Whether it may be shown now.
        labels: Further facts as the canonical text of a JSON object.
        expires_at_ms: When it may no longer be shown, in milliseconds since 1970, UTC; `None` for never.
        updated_at_ms: When something was last said of it over the catalogue's door; `None` if nothing was.
    """

    item_id: str
    title: str
    categories: tuple[str, ...]
    tags: tuple[str, ...]
    listeners: int
    available: bool = True
    labels: str = "{}"
    expires_at_ms: int | None = None
    updated_at_ms: int | None = None
