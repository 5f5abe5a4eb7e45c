"""What further kinds of questions are answered with: the same parts, so that one set of rules holds for all answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tacit.models.recommender.categories import check_category
from tacit.serving.interfaces import Clock
from tacit.serving.list_making import ListMaking, Making, ServingLimits
from tacit.serving.live_catalogue import LiveCatalogue
from tacit.serving.model_pool import LoadedVersion, ModelPool
from tacit.serving.refusals import limit_range
from tacit.serving.routing import UserAnswers
from tacit.serving.telling import Telling


@dataclass(frozen=True)
class Workbench:
    """The parts of a `RecommendationService`.

    Attributes:
        pool: Keeps the version that answers.
        making: Makes lists.
        users: Who answers whom, with the lists that `making` makes.
        dividing: The same for lists that are made otherwise.
        live: What is hidden, renamed or new.
        limits: What may be asked.
        telling: Makes answers of outcomes: named, counted, remembered as shown.
        position: Where a version has an item that is still part of the catalogue.
        is_new: Whether the catalogue's door knows an item that was not removed.
        clock: Tells the time.
        timer: Measures how long an answer takes, in seconds.
    """

    pool: ModelPool
    making: ListMaking
    users: UserAnswers
    dividing: Callable[[Making], UserAnswers]
    live: LiveCatalogue
    limits: ServingLimits
    telling: Telling
    position: Callable[[LoadedVersion, str], int | None]
    is_new: Callable[[str], bool]
    clock: Clock
    timer: Callable[[], float]

    def asked(self, limit: int, category: str | None = None) -> LoadedVersion:
        """The one version an answer comes from, once the question makes sense to it.

        Raises:
            BadInput: `limit_range`.
            NotFound: `category_unknown`.
            Unavailable: `model_not_loaded`.
        """
        if not 1 <= limit <= self.limits.max_limit:
            raise limit_range(self.limits.max_limit)
        loaded = self.pool.current()
        check_category(loaded.model, category, otherwise="GET /api/v1/items shows some.")
        return loaded

    def now_ms(self) -> int:
        """The time, in milliseconds since 1970, UTC."""
        return int(self.clock() * 1_000)
