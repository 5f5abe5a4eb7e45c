"""Training takes imports and events alike: the same rows make the same version, whichever way they came in."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tacit.bootstrap import App, build, load_settings
from tacit.data.datasets import Snapshot
from tacit.data.event_history import EVENTS_DATASET
from tacit.data.imports import TableSpec
from tacit.errors import NotFound
from tests.communities import rows_of, two_tastes
from tests.integration.test_http_events import Platform, platform
from tests.stages import wait_until

MOMENT = 1_767_355_200_000
SMALL = {"als.engine": "numpy", "als.factors": 8, "als.iterations": 4, "events.unknown_items": "accept"}
COLUMNS = TableSpec(user="user", item="item", value="plays", time="time", time_format="milliseconds")

Plays = tuple[str, str, int, int]


def community() -> list[Plays]:
    """Who played what how often, and when last; nobody played anything twice at the same moment."""
    rows = rows_of(two_tastes(users=60, items=24))
    return [(row[0], row[1], min(int(row[2]), 9_000), MOMENT + at) for at, row in enumerate(rows)]


def write_table(path: Path, rows: Sequence[Plays]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("user", "item", "plays", "time"), *rows])
    return path


def as_events(rows: Sequence[Plays]) -> list[dict[str, Any]]:
    """The rows as events, of which each row's plays are two if they can be, in another order."""
    events = []
    for number, (user, item, plays, moment) in enumerate(rows):
        event = {"user_id": user, "item_id": item, "type": "play"}
        later, first = {**event, "occurred_at": moment}, {**event, "occurred_at": moment - 1}
        parts = [(later, plays)] if plays == 1 else [(first, plays - 1), (later, 1)]
        events += [{**each, "value": value, "event_id": f"r{number}-{at}"} for at, (each, value) in enumerate(parts)]
    random.Random(7).shuffle(events)
    return events


@pytest.fixture
def imported(tmp_path: Path) -> Iterator[App]:
    with build(load_settings(flags={"home": tmp_path / "imported", **SMALL}, environ={})) as app:
        app.import_data("table", write_table(tmp_path / "plays.csv", community()), actor="t", spec=COLUMNS)
        yield app


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Platform]:
    with platform(tmp_path / "sent", **SMALL) as running:
        yield running


def send_all(running: Platform, events: Sequence[dict[str, Any]]) -> None:
    """Send events in batches, the second one twice, and wait until they have their effect."""
    before = running.app.event_store.last_turn
    for start in range(0, len(events), 400):
        for _ in range(2 if start == 400 else 1):
            assert running.send(events[start : start + 400]).status_code in (200, 202)
    wait_until(lambda: running.app.event_store.last_turn == before + len(events), seconds=20)


def learnt(app: App, snapshot: Snapshot) -> tuple[Any, ...]:
    model = app.workload.fit(snapshot).model
    return tuple(model.user_ids), [item.item_id for item in model.items], model.user_factors, model.item_factors


def test_training_on_an_import_equals_training_on_the_same_rows_sent_as_events(
    imported: App, running: Platform
) -> None:
    send_all(running, as_events(community()))
    files, events = imported.freeze(), running.app.freeze()

    assert (files.import_ids != (), events.import_ids) == (True, ())
    assert (files.user_ids, files.watermark_ms) == (events.user_ids, events.watermark_ms)
    assert [item.item_id for item in files.items] == [item.item_id for item in events.items]
    assert (files.split, files.n_users, files.n_items) == (events.split, events.n_users, events.n_items)
    for one, other in ((files.training, events.training), (files.holdout, events.holdout)):
        for part in ("indptr", "indices", "data"):
            assert np.array_equal(getattr(one, part), getattr(other, part))
    ours, theirs = learnt(imported, files), learnt(running.app, events)
    assert ours[:2] == theirs[:2]
    assert all(one.tobytes() == other.tobytes() for one, other in zip(ours[2:], theirs[2:], strict=True))


@pytest.mark.requirement("QUAL-022")
def test_what_was_set_aside_is_in_no_snapshot_whichever_way_it_came(
    tmp_path: Path, imported: App, running: Platform
) -> None:
    events = as_events(community())
    send_all(running, events)
    poison = [{**events[0], "item_id": "poison"}, {**events[1], "user_id": "poison"}]
    sent = running.send(poison)
    rows = [*community(), *(("poison", item, -1, MOMENT) for _, item, _, _ in community()[:3])]
    with build(load_settings(flags={"home": tmp_path / "poisoned", **SMALL}, environ={})) as app:
        table = write_table(tmp_path / "poisoned.csv", rows)
        report = app.import_data("table", table, actor="t", spec=COLUMNS)
        frozen = (app.freeze(), running.app.freeze())

    wanted = imported.freeze()
    assert [each["outcome"] for each in sent.json()["results"]] == ["quarantined"] * 2
    assert sum(report.quarantined.values()) == 3
    for snapshot in frozen:
        assert snapshot.user_ids == wanted.user_ids
        assert [item.item_id for item in snapshot.items] == [item.item_id for item in wanted.items]
        assert (snapshot.training != wanted.training).nnz == 0


def test_a_platform_without_any_import_trains_on_what_its_users_did(running: Platform) -> None:
    with pytest.raises(NotFound, match="Nothing was imported"):
        running.app.dataset()
    send_all(running, as_events(community()))
    version = running.app.train(actor="t").version
    _, manifest = running.app.registry.open(version.name, version.number)
    described = running.app.snapshots.describe(manifest.snapshot)

    assert running.app.dataset() == manifest.dataset == EVENTS_DATASET
    assert manifest.lineage["events_turn"] == described["events_turn"] == running.app.event_store.last_turn
    assert running.app.snapshots.load(manifest.snapshot).events_turn == running.app.event_store.last_turn


def test_events_sent_after_an_import_join_the_dataset_they_belong_to(tmp_path: Path, running: Platform) -> None:
    app, rows = running.app, community()
    app.import_data("table", write_table(tmp_path / "a.csv", rows[:600]), actor="t", spec=COLUMNS, dataset="plays")
    before = app.freeze()
    send_all(running, as_events(rows[600:]))
    after = app.freeze()
    app.import_data("table", write_table(tmp_path / "b.csv", rows), actor="t", spec=COLUMNS, dataset="whole")
    whole = app.freeze("whole")

    assert (before.events_turn, after.events_turn) == (0, app.event_store.last_turn)
    assert after.fingerprint != before.fingerprint
    # Only now that another dataset came later do they belong to that one, as long as there is no champion.
    assert (whole.events_turn, app.freeze("plays").events_turn) == (after.events_turn, 0)
    assert app.freeze("plays").fingerprint == before.fingerprint
    assert np.array_equal(after.values, replaced_events(running, tmp_path, whole.dataset).values)


def replaced_events(running: Platform, home: Path, dataset: str) -> Snapshot:
    """A dataset as it is when events belong to another."""
    flags = {"home": running.app.settings.home, **SMALL, "events.dataset": "elsewhere"}
    with build(load_settings(flags=flags, environ={})) as app:
        return app.freeze(dataset)


def test_the_champions_dataset_keeps_the_events_when_another_is_imported(tmp_path: Path, running: Platform) -> None:
    app, rows = running.app, community()
    app.import_data("table", write_table(tmp_path / "a.csv", rows), actor="t", spec=COLUMNS, dataset="plays")
    app.promote(app.train(actor="t").version.number, actor="t", force=True, reason="test")
    send_all(running, as_events(rows[:50]))
    app.import_data("table", write_table(tmp_path / "b.csv", rows[:400]), actor="t", spec=COLUMNS, dataset="other")

    assert app.freeze("plays").events_turn == app.event_store.last_turn
    assert app.freeze("other").events_turn == 0
