"""What rises: by how many met it lately, fading, beside how popular it was; and what is said when nobody knows."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tacit.adapters.memory_store import MemoryEventStore
from tacit.data.event_effects import Meetings
from tacit.errors import Unavailable
from tacit.serving import trends as trends_module
from tacit.serving.trends import Trending, Trends
from tests.event_stores import MOMENT, effect
from tests.stages import small_model

HOUR_MS = 3_600_000


class Town:
    """Events as they come, and a clock that the test turns."""

    def __init__(self, rules: Trending | None = None, *, most: int = 1_000) -> None:
        self.store = MemoryEventStore()
        self.now = MOMENT / 1_000
        self.is_away = False
        self._numbers = iter(range(1, 100_000))
        self.trends = Trends(self, rules or Trending(min_users=2), clock=lambda: self.now, most=most)

    @property
    def last_turn(self) -> int:
        return self.store.last_turn

    def meetings(self, after_turn: int, *, limit: int) -> Meetings:
        if self.is_away:
            raise Unavailable("database_lost", "It cannot be read now.")
        return self.store.meetings(after_turn, limit=limit)

    def met(self, user: str, item: str, *, hours_ago: float = 0, weight: float = 1.0) -> None:
        number = next(self._numbers)
        at_ms = int(self.now * 1_000 - hours_ago * HOUR_MS)
        told = effect(number, weight=weight, user_id=user, item_id=item, occurred_at_ms=at_ms)
        self.store.apply([told], offset=number)

    def chart(self) -> list[str]:
        self.trends.refresh()
        found = self.trends.of(small_model())
        assert (np.diff(found.scores) <= 0).all()
        return [small_model().items[row].item_id for row in found.items.tolist()]


def test_what_many_met_lately_rises_above_what_many_always_met() -> None:
    town = Town()
    popular = small_model().items[int(np.argmax(small_model().listeners))].item_id
    for user in range(6):
        town.met(f"u{user}", "rare")
        town.met(f"u{user}", popular)

    assert town.chart()[0] == "rare"


def test_one_person_puts_nothing_on_the_chart_however_often_they_play_it() -> None:
    town = Town()
    for _ in range(50):
        town.met("ann", "rare")
    assert town.chart() == []

    town.met("bob", "rare")
    assert town.chart() == ["rare"]


def test_what_was_skipped_and_what_the_version_does_not_know_rises_nowhere() -> None:
    town = Town()
    for user in range(4):
        town.met(f"u{user}", "rare", weight=-1.0)
        town.met(f"u{user}", "unheard-of")

    assert town.chart() == []


def test_meetings_fade_by_half_in_a_half_life_and_are_forgotten_in_the_end() -> None:
    town = Town()
    for user in range(40):
        town.met(f"u{user}", "rare")
    rise = []
    for _ in range(3):
        assert town.chart()[0] == "rare"
        rise.append(float(town.trends.of(small_model()).scores[0]))
        town.now += 24 * 3_600
    # Of an item that is nearly never met, `usual` is next to nothing, and the rise is what is left of the meetings.
    assert rise[1:] == pytest.approx([rise[0] / 2, rise[0] / 4], rel=0.1)

    town.now += 5 * 24 * 3_600
    assert town.chart() == []
    assert not town.trends._met


def test_a_moment_ahead_of_the_clock_counts_as_now_and_not_for_ever() -> None:
    town = Town()
    for user in range(3):
        town.met(f"u{user}", "rare", hours_ago=-10_000)
    assert town.chart() == ["rare"]

    town.now += 8 * 24 * 3_600
    assert town.chart() == []


def test_only_so_many_of_the_latest_events_are_read_back_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trends_module, "PAGE", 7)
    town = Town(most=20)
    for number in range(50):
        town.met(f"u{number}", "rare" if number < 30 else "i001")
    assert town.chart() == ["i001"]

    for number in range(30):
        town.met(f"v{number}", "i002")
    assert "i001" not in town.chart()
    assert len(town.trends._met) == 20


def test_of_a_flood_an_evenly_spread_part_is_read_and_what_comes_after_it_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trends_module, "PAGE", 5)
    monkeypatch.setattr(trends_module, "MOST_NEW", 20)
    town = Town()
    town.trends.refresh()
    for number in range(100):
        town.met(f"u{number}", "rare" if number % 2 else "i001")
    town.trends.refresh()

    met = sorted(int(user_id[1:]) for user_id, _ in town.trends._met)
    assert met == [number for start in (0, 25, 50, 75) for number in range(start, start + 5)]

    for number in range(100, 117):
        town.met(f"u{number}", "rare")
    town.trends.refresh()
    assert len(town.trends._met) == len(met) + 17


def test_while_events_cannot_be_read_the_chart_stays_and_after_a_while_is_not_believed() -> None:
    town = Town(Trending(min_users=1, patience_seconds=60))
    assert math.isnan(town.trends.age_seconds)
    assert not town.trends.is_current

    town.met("ann", "rare")
    assert town.chart() == ["rare"]
    town.is_away = True
    town.now += 59
    with pytest.raises(Unavailable):
        town.trends.refresh()
    assert town.trends.is_current
    town.now += 2
    assert (town.trends.is_current, town.trends.age_seconds) == (False, pytest.approx(61))
    assert len(town.trends.of(small_model()).items) == 1
