"""A server removes events past their age: never one that is not applied, or that nobody has learnt from."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tacit.adapters.memory_events import MemoryEventLog
from tacit.bootstrap import build, event_retention, load_settings, serving
from tests.integration.test_http_events import Platform, platform, play
from tests.integration.test_training_on_events import SMALL, as_events, community, send_all
from tests.stages import wait_until

DAY_MS = 86_400_000


def now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def moved_by(*, days: int) -> Iterator[None]:
    """For whoever removes events it is so many days later."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(event_retention, "now_ms", lambda: int(time.time() * 1_000) + days * DAY_MS)
        yield


def sent(running: Platform) -> list[dict[str, Any]]:
    events = as_events(community())
    send_all(running, events)
    return events


def test_an_event_is_removed_once_it_is_old_and_learnt_from(tmp_path: Path) -> None:
    with platform(tmp_path, **SMALL) as running:
        events = sent(running)
        log_places = running.app.event_store.offset
        store = running.app.event_store
        before_ms = store.applied(0, limit=1)[0].logged.received_at_ms + 2 * DAY_MS
        assert event_retention.learnt_turn(running.app) == 0
        snapshot = running.app.freeze()
        late = play()
        running.send(late)
        wait_until(lambda: running.weights(late["user_id"]) == {"i1": 1.0})
        while store.prune(event_retention.learnt_turn(running.app), before_ms=before_ms):
            pass

        assert event_retention.learnt_turn(running.app) == snapshot.events_turn == len(events) == log_places
        assert [each.logged.event.event_id for each in store.applied(0, limit=9)] == [late["event_id"]]
        assert running.weights(events[0]["user_id"]) == {}
        assert running.weights(late["user_id"]) == {"i1": 1.0}


def test_a_server_removes_what_is_old_by_itself_from_the_log_and_from_the_store(tmp_path: Path) -> None:
    with platform(tmp_path, **SMALL) as running:
        events = sent(running)
        running.app.freeze()
    later = load_settings(flags={"home": tmp_path, **SMALL, "events.keep_days": 1}, environ={})
    with build(later) as app, moved_by(days=2), serving(app) as parts:
        wait_until(lambda: app.event_store.applied(0, limit=1) == [], seconds=20)
        known = parts.intake.take([play()], source="api")
        wait_until(lambda: app.event_store.last_turn == len(events) + 1)

        assert [each.fate for each in known] == ["stored"]
        assert app.event_store.counts()["api"].missing == 0


def test_events_that_nobody_learnt_from_stay_however_old(tmp_path: Path) -> None:
    with platform(tmp_path, **SMALL) as running:
        running.send(event := play())
        wait_until(lambda: running.app.event_store.last_turn == 1)
    later = load_settings(flags={"home": tmp_path, **SMALL, "events.keep_days": 1}, environ={})
    with (
        build(later) as app,
        moved_by(days=900),
        event_retention.retained(app, MemoryEventLog(clock=now), every_seconds=0.01),
    ):
        wait_until(lambda: app.event_store.offset == 1)
        time.sleep(0.2)

        assert [each.logged.event.event_id for each in app.event_store.applied(0, limit=9)] == [event["event_id"]]


def test_an_event_older_than_events_are_kept_is_set_aside_and_a_younger_one_is_not(tmp_path: Path) -> None:
    then_ms = int(time.time() * 1_000) - 5 * DAY_MS
    with platform(tmp_path, **{"events.keep_days": 4}) as running:
        old, young = (play(occurred_at=then_ms + days * DAY_MS) for days in (0, 2))

        assert [each["outcome"] for each in running.send([old, young]).json()["results"]] == ["quarantined", "stored"]
        assert running.app.quarantine.page().reasons == {"timestamp_range": 1}
