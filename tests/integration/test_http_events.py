"""Events over HTTP, on the platform as it is wired: what is answered, what is kept, and what outlives a restart."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.adapters.event_log import SqliteEventLog
from tacit.adapters.memory_store import MemoryEventStore
from tacit.bootstrap import App, Serving, build, load_settings, serving
from tacit.data import synthetic
from tacit.data.event_rules import EventRules
from tacit.data.events import Event, EventLog, LoggedEvent, Receipt
from tacit.data.intake import Intake
from tacit.entrypoints.api.app import create_app
from tacit.entrypoints.api.operations import further_routes
from tacit.entrypoints.api.schemas import ProblemBody, TakenEventsBody
from tacit.errors import Unavailable
from tacit.monitoring import metrics as catalogue
from tacit.monitoring.model_metrics import LAST_EVENT
from tests.apis import api_of
from tests.attempts import shortest
from tests.stages import listening, stage, wait_until

PATH = "/api/v1/events"
OPEN = {"events.unknown_items": "accept", "als.engine": "numpy"}
OUTCOMES = ("stored", "deduplicated", "quarantined", "rejected")
numbers = count(1)


@dataclass(frozen=True)
class Platform:
    """A running platform, and a client of it."""

    app: App
    parts: Serving
    client: httpx2.Client

    def send(self, body: Any, query: str = "") -> httpx2.Response:
        return self.client.post(PATH + query, json=body)

    def send_lines(self, *lines: bytes) -> httpx2.Response:
        headers = {"Content-Type": "application/x-ndjson; charset=utf-8"}
        return self.client.post(PATH, content=b"\n".join(lines), headers=headers)

    def weights(self, user_id: str) -> dict[str, float]:
        return {each.item_id: each.weight for each in self.app.event_store.interactions_of(user_id)}

    def counted(self) -> dict[str, float]:
        value = self.parts.metrics.value
        return {name: value(catalogue.EVENTS, source="api", outcome=name) for name in ("received", *OUTCOMES)}

    def accounted(self) -> dict[str, float]:
        value = self.parts.metrics.value
        return {name: value(catalogue.EVENTS_ACCOUNTED, source="api", outcome=name) for name in ("received", *OUTCOMES)}


@contextmanager
def platform(home: Path, **flags: object) -> Iterator[Platform]:
    """The platform as `tacit serve` wires it, except that it may serve without a champion."""
    with build(load_settings(flags={"home": home, **OPEN, **flags}, environ={})) as app, serving(app) as parts:
        api = api_of(parts, quarantine=app.quarantine, extra_routers=further_routes(app, parts))
        with listening(api) as client:
            yield Platform(app, parts, client)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with platform(tmp_path_factory.mktemp("home")) as running:
        yield running


def play(**changes: Any) -> dict[str, Any]:
    """An event like no other."""
    number = next(numbers)
    event = {"event_id": f"e{number}", "user_id": f"u{number}", "item_id": "i1", "type": "play", **changes}
    return {name: value for name, value in event.items() if value is not None}


def problem(response: httpx2.Response) -> tuple[int, str]:
    body = ProblemBody.model_validate_json(response.content)
    assert response.headers["content-type"] == "application/problem+json"
    assert body.status == response.status_code
    return body.status, body.code


def outcomes(response: httpx2.Response) -> list[str]:
    """What became of each event, once the answer's counts have been checked."""
    body = TakenEventsBody.model_validate_json(response.content)
    assert [each.index for each in body.results] == list(range(body.received))
    assert body.received == body.stored + body.deduplicated + body.quarantined + body.rejected
    return [each.outcome for each in body.results]


def test_one_event_is_acknowledged_and_reaches_the_store_at_once(running: Platform) -> None:
    def reach_the_store() -> float:
        event = play(type="like")
        response = running.send(event)
        assert response.status_code == 202
        assert response.json()["results"] == [{"index": 0, "event_id": event["event_id"], "outcome": "stored"}]
        return wait_until(lambda: running.weights(event["user_id"]) == {"i1": 3.0})

    assert shortest(reach_the_store, within=1) < 1


@pytest.mark.parametrize("is_wrapped", [False, True])
def test_a_batch_with_one_bad_event_keeps_all_the_others(running: Platform, is_wrapped: bool) -> None:
    """Case 57 of the catalogue of bad input."""
    events = [play(value=-1) if at == 123 else play() for at in range(500)]
    response = running.send({"events": events} if is_wrapped else events)
    told = outcomes(response)
    bad = response.json()["results"][123]

    assert response.status_code == 207
    assert (told.count("stored"), told[123]) == (499, "rejected")
    assert (bad["code"], bad["field"], bad["event_id"]) == ("value_range", "value", events[123]["event_id"])
    wait_until(lambda: running.weights(events[499]["user_id"]) == {"i1": 1.0})
    assert running.weights(events[123]["user_id"]) == {}


def test_an_event_sent_again_is_a_duplicate_with_or_without_a_time(running: Platform) -> None:
    timed, untimed = play(occurred_at="2026-11-20T12:00:00Z"), play(value=2)
    first = running.send([timed, untimed])
    time.sleep(0.01)
    again = running.send([timed, untimed])

    assert (first.status_code, again.status_code) == (202, 200)
    assert outcomes(again) == ["duplicate", "duplicate"]
    wait_until(lambda: running.weights(untimed["user_id"]) != {})
    assert running.weights(untimed["user_id"]) == {"i1": 2.0}


def test_of_one_id_that_stands_twice_in_a_batch_the_first_is_stored(running: Platform) -> None:
    """Case 61."""
    event = play()
    response = running.send([event, event, play()])

    assert (response.status_code, outcomes(response)) == (207, ["stored", "duplicate", "stored"])


def test_a_line_that_cannot_be_read_is_rejected_at_its_place(running: Platform) -> None:
    first, last = json.dumps(play()).encode(), json.dumps(play()).encode()
    response = running.send_lines(first, b'{"event_id": ', b"", b'\xff"', b'{"a":1,"a":2}', last, b"")
    results = response.json()["results"]

    assert (response.status_code, outcomes(response)) == (207, ["stored", *["rejected"] * 3, "stored"])
    assert [each.get("code") for each in results[1:4]] == ["json_invalid", "encoding_invalid", "json_duplicate_key"]


def test_another_event_under_a_known_id_is_a_conflict_that_quarantine_keeps(running: Platform) -> None:
    event = play()
    other = {**event, "item_id": "i2"}
    running.send(event)
    alone, in_batch = running.send(other), running.send([other, play()])
    kept = [each for each in running.app.event_store.quarantined() if each.logged.event.event_id == event["event_id"]]

    assert problem(alone) == (409, "event_conflict")
    assert alone.json()["outcome"] == "quarantined"
    assert (in_batch.status_code, outcomes(in_batch)) == (207, ["quarantined", "stored"])
    assert [(each.logged.event.item_id, each.reason.code) for each in kept] == [("i2", "event_conflict")]
    wait_until(lambda: running.weights(event["user_id"]) == {"i1": 1.0})


BAD: list[tuple[Any, int, str]] = [
    (play(type="plya"), 422, "event_type_unknown"),
    (play(properties={"x": "y" * 17_000}), 413, "event_too_large"),
    (play(event_id=None), 422, "field_missing"),
    (play(tenant_id="a"), 422, "field_unknown"),
    (play(user_id="a\nb"), 422, "string_control"),
    (play(value=True), 422, "type"),
    (play(occurred_at=1_700_000_000), 422, "timestamp_unit"),
    (play(occurred_at="2019-01-01T00:00:00Z"), 422, "timestamp_range"),
    (play(schema_version=2), 422, "schema_version"),
    ([], 422, "batch_size"),
    ({"events": []}, 422, "batch_size"),
    ([{}] * 501, 422, "batch_size"),
    ({"events": {}}, 422, "type"),
    ({"events": [], "source": "x"}, 422, "field_unknown"),
    ("play", 422, "type"),
    (7, 422, "type"),
]


@pytest.mark.requirement("QUAL-013")
@pytest.mark.parametrize(("body", "status", "code"), BAD, ids=[f"{at}-{code}" for at, (_, _, code) in enumerate(BAD)])
def test_a_bad_event_that_comes_alone_is_a_problem_with_a_name(
    running: Platform, body: Any, status: int, code: str
) -> None:
    assert problem(running.send(body)) == (status, code)


@pytest.mark.parametrize(
    ("body", "media", "status", "code"),
    [
        (b"", "application/json", 400, "body_empty"),
        (b"\n \r\n", "application/x-ndjson", 400, "body_empty"),
        (b"[{]", "application/json", 400, "json_invalid"),
        (b'[{"a": NaN}]', "application/json", 422, "number_not_finite"),
        (b"{}", "text/plain", 415, "media_type"),
        (b"{}\n" * 501, "application/x-ndjson", 422, "batch_size"),
        (b"{}\n" * 400_000, "application/x-ndjson", 413, "body_too_large"),
    ],
)
def test_a_body_that_cannot_be_taken_apart_is_refused_whole(
    running: Platform, body: bytes, media: str, status: int, code: str
) -> None:
    before = running.counted()
    response = running.client.post(PATH, content=body, headers={"Content-Type": media})

    assert problem(response) == (status, code)
    assert running.counted() == before


FIELDS = ("event_id", "user_id", "item_id", "type", "value", "occurred_at", "properties", "schema_version", "odd")
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["play", "e1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=6),
    max_leaves=10,
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(value=ANYTHING | st.fixed_dictionaries({"events": st.lists(ANYTHING, max_size=3)}), is_lines=st.booleans())
def test_whatever_json_is_sent_is_answered_or_refused_by_name(running: Platform, value: Any, is_lines: bool) -> None:
    media = "application/x-ndjson" if is_lines else "application/json"
    # `json.dumps` writes NaN and Infinity, which no JSON has.
    response = running.client.post(PATH, content=json.dumps(value), headers={"Content-Type": media})

    if response.status_code in (200, 202, 207):
        outcomes(response)
    else:
        status, code = problem(response)
        assert 400 <= status < 500, code


def test_an_event_without_an_id_is_given_one_only_where_that_is_asked_for(running: Platform) -> None:
    """Case 62."""
    event = play(event_id=None)
    first, second = (running.send(event, "?assign_ids=true").json()["results"][0] for _ in range(2))

    assert first["outcome"] == second["outcome"] == "stored"
    assert first["event_id"] != second["event_id"]
    assert problem(running.send(play(), "?assign_ids=maybe")) == (422, "flag_invalid")
    assert problem(running.send(play(), "?assign=true")) == (422, "field_unknown")


def test_every_event_received_is_counted_under_one_fate_and_the_store_agrees(tmp_path: Path) -> None:
    with platform(tmp_path) as running:
        event = play()
        running.send(event)
        running.send([event, {**event, "item_id": "i9"}, play(type="nothing"), play(occurred_at=946_684_800_000)])
        running.send_lines(json.dumps(play()).encode(), b"{")
        running.send(play(value=0))
        # Another time for an event that quarantine has already: told the same, and counted as the repetition it is.
        running.send({**event, "item_id": "i9"})
        wait_until(lambda: running.app.event_store.counts()["api"].received == 9)
        wait_until(lambda: running.accounted()["stored"] == 2)
        counted, kept, accounted = running.counted(), running.app.event_store.counts()["api"], running.accounted()
        balance = running.parts.metrics.value(catalogue.EVENT_BALANCE, source="api")
        applied_at = running.parts.metrics.value(LAST_EVENT)

    assert 0 <= time.time() - applied_at < 120
    assert counted == {"received": 9, "stored": 2, "deduplicated": 2, "quarantined": 2, "rejected": 3}
    assert (kept.stored, kept.deduplicated, kept.quarantined, kept.rejected, kept.missing) == (2, 2, 2, 3, 0)
    assert (accounted, balance) == (counted, 0)


def test_what_was_acknowledged_is_there_after_a_restart(tmp_path: Path) -> None:
    event = play()
    with platform(tmp_path) as running:
        running.send(event)
    # As if the process had been killed between the acknowledgement and the applying.
    log = SqliteEventLog(tmp_path / "events", clock=lambda: datetime.now(UTC))
    log.append([Event("late", "ann", "i1", "play", None, 1_790_000_000_000)])
    log.close()
    with platform(tmp_path) as running:
        wait_until(lambda: running.weights("ann") == {"i1": 1.0})
        again = running.send(event)
        lag, commits = (running.parts.metrics.value(each) for each in (catalogue.EVENT_LAG, catalogue.EVENT_COMMIT))
        weights = running.weights(event["user_id"])

    assert (again.status_code, lag, commits, weights) == (200, 0, 1, {"i1": 1.0})


def test_the_end_of_the_server_applies_what_it_took_in(tmp_path: Path) -> None:
    with platform(tmp_path) as running:
        events = [play() for _ in range(300)]
        running.send(events)
    with build(load_settings(flags={"home": tmp_path, **OPEN}, environ={})) as app:
        found = [app.event_store.interactions_of(each["user_id"]) for each in events]

    assert all(len(each) == 1 for each in found)


def test_an_event_about_an_item_that_the_loaded_version_does_not_know_is_quarantined(tmp_path: Path) -> None:
    synthetic.generate(tmp_path / "community", users=150, items=100, artists_per_user=20)
    flags = {"events.unknown_items": "quarantine", "als.factors": 4, "als.iterations": 2}
    with build(load_settings(flags={"home": tmp_path, **OPEN, **flags}, environ={})) as app:
        app.import_data("auto", tmp_path / "community", actor="test")
        app.train(actor="test")
        app.promote(1, actor="test", force=True, reason="a test")
    with platform(tmp_path, **flags) as running:
        known = running.parts.pool.current().model.items[0].item_id
        running.send([play(user_id="ann", item_id=known), play(user_id="ann", item_id="nothing")])
        wait_until(lambda: running.app.event_store.offset == 2)
        kept = running.app.event_store.quarantined()

        assert running.weights("ann") == {known: 1.0}
        assert [(each.logged.event.item_id, each.reason.code) for each in kept] == [("nothing", "entity_unknown")]


class Broken:
    """A log whose disk is full, or failed."""

    last_sequence = 0

    def __init__(self, code: str) -> None:
        self._code = code

    def append(self, events: Sequence[Event], *, source: str = "api") -> Sequence[Receipt]:
        raise Unavailable(self._code, f"{len(events)} events of {source} cannot be kept.")

    def read(self, after: int, *, limit: int) -> Sequence[LoggedEvent]:
        return []

    def close(self) -> None:
        """Nothing is open."""


def closed_log(folder: Path) -> EventLog:
    log = SqliteEventLog(folder, clock=lambda: datetime.now(UTC))
    log.close()
    return log


@pytest.mark.parametrize(
    ("which", "status", "code"), [("closed", 503, "storage_unavailable"), ("storage_full", 507, "storage_full")]
)
def test_nothing_is_acknowledged_while_the_log_takes_nothing_and_reading_goes_on(
    tmp_path: Path, which: str, status: int, code: str
) -> None:
    log = closed_log(tmp_path / "events") if which == "closed" else Broken(which)
    counted: list[object] = []
    intake = Intake(
        log,
        EventRules.shipped("music"),
        count=lambda *told: counted.append(told),
        clock=lambda: int(time.time() * 1_000),
        new_id=lambda: "new",
        quarantine=MemoryEventStore().set_aside,
    )
    with stage(tmp_path) as made:
        made.release()
        api = create_app(made.service, made.pool, made.metrics, version="0", intake=intake)
        with listening(api) as client:
            alone, batch = client.post(PATH, json=play()), client.post(PATH, json=[play(), play(type="nothing")])
            reading = client.get("/api/v1/popular")

    assert problem(alone) == problem(batch) == (status, code)
    assert alone.headers["retry-after"] == "1"
    assert (counted, reading.status_code) == ([], 200)
