"""What moods, charts and the lower tiers take, wired for as long as a server runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tacit.bootstrap.app import MODEL, App
from tacit.errors import Refused, TacitError
from tacit.monitoring import metrics as measured
from tacit.monitoring.interfaces import MetricSink
from tacit.settings import Settings

if TYPE_CHECKING:
    from tacit.adapters.sql.engine import Database
    from tacit.data.catalog import Item
    from tacit.models.recommender.model import RecommenderModel
    from tacit.serving.browsing import Browsing
    from tacit.serving.known_users import UserEntries
    from tacit.serving.model_pool import ModelPool
    from tacit.serving.mood_desk import MoodDesk
    from tacit.serving.mood_profiles import MoodProfile
    from tacit.serving.recommend import RecommendationService
    from tacit.serving.rehearsals import Rehearsals
    from tacit.serving.trends import Trends


def mood_desk(settings: Settings, database: Database) -> MoodDesk:
    """Where moods are changed, with those that the profile begins with."""
    from tacit.adapters.sql.audit import SqlAuditTrail
    from tacit.adapters.sql.moods import SqlMoodStore
    from tacit.data.default_moods import DEFAULT_MOODS
    from tacit.security.audit import AuditRecorder
    from tacit.serving.mood_book import MoodBook
    from tacit.serving.mood_desk import MoodDesk

    store = SqlMoodStore(database)
    book = MoodBook(DEFAULT_MOODS[settings.events.profile], store)
    audit = AuditRecorder(SqlAuditTrail(database))
    return MoodDesk(store, book, audit, transaction=database.transaction, clock=time.time)


def chosen_moods(app: App) -> UserEntries:
    """What users chose, the moods among it in the words that are in force for them."""
    from tacit.serving.mood_book import ChosenMoods

    return ChosenMoods(app.catalog, app.moods.book)


def rehearsals_of(app: App) -> Rehearsals:
    """Which users meet a lower tier on purpose."""
    from tacit.serving.rehearsals import Rehearsals

    return Rehearsals(app.settings.tiers.rehearsal_share, time.time)


@contextmanager
def browsing_over(
    app: App, pool: ModelPool, service: RecommendationService, *, metrics: MetricSink
) -> Iterator[Browsing]:
    """Answer whoever looks around; moods that are edited elsewhere and events are followed meanwhile."""
    from tacit.serving.browsing import Browsing

    trends = _trends(app)
    metrics.watch(measured.TRENDING_AGE, lambda: trends.age_seconds)
    browsing = Browsing(service, pool, app.moods.book, trends=trends, metrics=metrics)
    chosen = app.settings.moods
    duties = (
        _Duty("follow moods", app.moods.book.refresh, chosen.refresh_seconds),
        _Duty("prepare moods", browsing.prepare, chosen.refresh_seconds),
        _Duty("follow trends", lambda: trends.refresh(pool.loaded), chosen.trending_seconds),
    )
    over = threading.Event()
    threads = [threading.Thread(target=duty.keep, args=(over,), name=duty.name, daemon=True) for duty in duties]
    for thread in threads:
        thread.start()
    try:
        yield browsing
    finally:
        over.set()
        for thread in threads:
            thread.join(timeout=10)


def champion_moods(app: App) -> tuple[str, tuple[MoodProfile, ...], Sequence[Item]]:
    """Every mood as the champion knows it: its label, the moods, and the items that their positions mean.

    Raises:
        Refused: `champion_missing`; what the registry says of a version that does not verify.
        Unavailable: Moods cannot be read.
    """
    from tacit.serving.labels import Labels
    from tacit.serving.mood_profiles import profile_of

    label, model = _champion(app)
    app.moods.book.refresh()
    labels = Labels(model.items)
    profiles = tuple(profile_of(model, labels, mood) for mood in app.moods.book.moods.values())
    return label, profiles, model.items


def champion_chart(app: App, *, category: str | None, count: int, is_trending: bool) -> dict[str, object]:
    """A chart by the champion, of what may be shown now; trending by the events that were applied so far.

    Raises:
        BadInput: `limit_range`.
        NotFound: `category_unknown`.
        Refused: As `champion_moods`.
        Unavailable: Events or the catalogue cannot be read.
    """
    import numpy as np

    from tacit.data.catalog_merging import all_entries, hidden
    from tacit.models.recommender.categories import check_category
    from tacit.serving.browsing import left
    from tacit.serving.retrieval import Wanted, by_popularity, recommendations

    label, model = _champion(app)
    check_category(model, category)
    off = (model.item_rows.get(item_id) for item_id in hidden(all_entries(app.catalog), int(time.time() * 1_000)))
    wanted = Wanted(count, np.array(sorted(row for row in off if row is not None), np.intp), category)
    if is_trending:
        trends = _trends(app)
        trends.refresh()
        found = left(model, trends.of(model), wanted)
    else:
        found = by_popularity(model, wanted)
    items = [
        {"item_id": each.item_id, "title": each.title, "score": each.score} for each in recommendations(model, found)
    ]
    return {"version": label, "category": category, "trending": is_trending, "items": items}


def _champion(app: App) -> tuple[str, RecommenderModel]:
    champion = app.registry.champion(MODEL)
    if champion is None:
        raise Refused("champion_missing", "There is no champion.", fix="Promote a version.")
    with app.registry.held(MODEL, champion.number) as (version, _):
        return f"{version.name}/{version.number}", app.workload.load(version.folder)


@dataclass(frozen=True)
class _Duty:
    """Something that is done again and again; its failures are told of once until it succeeds."""

    name: str
    do: Callable[[], None]
    seconds: float

    def keep(self, over: threading.Event) -> None:
        import structlog

        logger = structlog.get_logger(__name__)
        is_lost = False
        while True:
            try:
                self.do()
                is_lost = False
            except Exception as error:
                if not is_lost:
                    code = error.code if isinstance(error, TacitError) else "unexpected"
                    logger.warning("duty_failed", duty=self.name, code=code, detail=ascii(str(error))[:200])
                is_lost = True
            if over.wait(self.seconds):
                return


def _trends(app: App) -> Trends:
    from tacit.serving.trends import Trending, Trends

    chosen = app.settings.moods
    patience = 3 * chosen.trending_seconds + 30
    rules = Trending(chosen.trending_half_life_hours, chosen.trending_users, patience)
    return Trends(app.event_store, rules, clock=time.time)
