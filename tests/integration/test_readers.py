"""Several serving processes on one home: one takes events, the others answer what it applied."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tacit.adapters.event_relay import HATCH
from tacit.bootstrap import Serving, build, load_settings, serving, serving_lock
from tacit.errors import Unavailable
from tacit.monitoring import metrics as catalogue
from tacit.rollout.traffic import Shadow
from tests.apis import api_of
from tests.arms import ROLLOUT, home_with_two_versions
from tests.catalogues import QUICK, item_path, problem, stock
from tests.event_stores import effect
from tests.stages import listening, wait_until

FLAGS = {**QUICK, "serving.refresh_seconds": 0.1}


@dataclass(frozen=True)
class Process:
    """What one process of a home does, and a client of it."""

    parts: Serving
    client: httpx2.Client

    def list_of(self, user_id: str) -> dict[str, Any]:
        response = self.client.get(f"/api/v1/users/{user_id}/recommendations?limit=50")
        assert response.status_code == 200, response.text
        body: dict[str, Any] = response.json()
        return body

    def shown(self, user_id: str) -> list[str]:
        return [item["item_id"] for item in self.list_of(user_id)["items"]]


@contextmanager
def process(home: Path, role: str) -> Iterator[Process]:
    """One wired over a home as `tacit serve` does it; that several are in one process changes nothing between them."""
    in_force = load_settings(flags={"home": home, **FLAGS, "serving.role": role}, environ={})
    with serving_lock(in_force), build(in_force) as app, serving(app) as parts:
        api = api_of(parts, role=parts.role)
        with listening(api) as client:
            yield Process(parts, client)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("readers")
    stock(folder)
    return folder


@pytest.fixture(scope="module")
def writer(home: Path) -> Iterator[Process]:
    with process(home, "all") as writer:
        yield writer


@pytest.fixture(scope="module")
def reader(home: Path, writer: Process) -> Iterator[Process]:
    with process(home, "reader") as reader:
        yield reader


def play(number: int, user_id: str, item_id: str) -> dict[str, object]:
    return {"event_id": f"e{number}", "user_id": user_id, "item_id": item_id, "type": "play"}


def received(process: Process) -> float:
    return process.parts.metrics.value(catalogue.EVENTS, source="api", outcome="received")


BODIES: list[Any] = [
    play(1, "ann", "i1"),
    [play(2, "ann", "i1"), {**play(3, "ann", "i1"), "type": "nonsense"}, {"nonsense": True}, play(2, "ann", "i1")],
    {"events": [play(4, "\ud800", "i1")]},
    [],
    {"nonsense": True},
    {**play(5, "ann", "i1"), "value": 1e308},
]
"""Events as they come; the ids of each are made another's where it is sent again."""


@pytest.mark.parametrize("number", range(len(BODIES)))
def test_who_sends_events_to_a_reader_is_told_what_the_process_that_takes_them_says(
    writer: Process, reader: Process, number: int
) -> None:
    def sent(process: Process, prefix: str) -> tuple[int, Any]:
        text = json.dumps(BODIES[number]).replace('"event_id": "', f'"event_id": "{prefix}')
        headers = {"Content-Type": "application/json", "X-Request-Id": "trace-1"}
        response = process.client.post("/api/v1/events", content=text, headers=headers)
        assert response.headers["x-request-id"] == "trace-1"
        return response.status_code, json.loads(response.text.replace(prefix, ""))

    before = received(writer)
    assert sent(reader, "by-a-reader-") == sent(writer, "at-once-")
    assert (received(writer) - before) % 2 == 0


def test_an_event_of_a_reader_is_durable_counts_once_and_nobody_else_may_use_the_hatch(
    home: Path, writer: Process, reader: Process
) -> None:
    before = received(writer)
    answers = [each.client.post("/api/v1/events", json=play(9, "ann", "i1")) for each in (reader, writer, reader)]

    assert [each.status_code for each in answers] == [202, 200, 200]
    assert received(writer) - before == 3
    assert stat.S_IMODE((home / HATCH).stat().st_mode) == 0o600
    lines = "\n".join([json.dumps(play(110, "ann", "i1")), "{", json.dumps(play(111, "ann", "i1"))])
    mixed = reader.client.post("/api/v1/events", content=lines, headers={"Content-Type": "application/x-ndjson"})
    assert [each["outcome"] for each in mixed.json()["results"]] == ["stored", "rejected", "stored"]


def test_a_reader_whose_home_nobody_takes_events_for_keeps_none_and_says_when_to_try_again(tmp_path: Path) -> None:
    stock(tmp_path)
    with process(tmp_path, "reader") as alone:
        response = alone.client.post("/api/v1/events", json=play(1, "ann", "i1"))
        assert problem(response) == (503, "events_elsewhere")
        assert response.headers["retry-after"] == "2"
        with process(tmp_path, "all"):
            assert alone.client.post("/api/v1/events", json=play(1, "ann", "i1")).status_code == 202
        # The connection that is kept for the next one is over now, and so is whoever took them.
        assert problem(alone.client.post("/api/v1/events", json=play(1, "ann", "i1"))) == (503, "events_elsewhere")


def test_each_process_says_what_it_does(writer: Process, reader: Process) -> None:
    roles = [each.client.get("/health").json() for each in (writer, reader)]

    assert [body["role"] for body in roles] == ["all", "reader"]
    assert [body["events"] is None for body in roles] == [False, True]
    assert {body["status"] for body in roles} == {"healthy"}


def test_a_list_of_a_reader_follows_events_that_another_process_took(writer: Process, reader: Process) -> None:
    waits = []
    for number, user_id in enumerate(reader.parts.pool.current().model.user_ids[:5], start=10):
        played = reader.shown(user_id)[0]
        assert writer.client.post("/api/v1/events", json=play(number, user_id, played)).status_code == 202
        waits.append(wait_until(lambda u=user_id, p=played: p not in reader.shown(u)))  # type: ignore[misc]
        assert reader.list_of(user_id)["degraded"] is False

    print("seconds until a reader's list knew:", [round(wait, 2) for wait in sorted(waits)])
    # The middle one: a machine that is busy with other things may hold any single one up.
    assert sorted(waits)[2] < 1.0


def test_somebody_known_by_an_event_alone_is_known_to_a_reader(writer: Process, reader: Process) -> None:
    item_id = reader.parts.pool.current().model.items[0].item_id
    assert reader.client.get("/api/v1/users/never-seen/recommendations").status_code == 404
    assert writer.client.post("/api/v1/events", json=play(99, "never-seen", item_id)).status_code == 202

    wait_until(lambda: reader.client.get("/api/v1/users/never-seen/recommendations").status_code == 200)
    assert item_id not in reader.shown("never-seen")


def test_what_one_process_hides_the_others_show_no_more(writer: Process, reader: Process) -> None:
    user_id = reader.parts.pool.current().model.user_ids[9]
    for number, (hiding, other) in enumerate([(writer, reader), (reader, writer)]):
        hidden = other.shown(user_id)[number]
        assert hiding.client.patch(item_path(hidden), json={"available": False}).status_code == 200
        wait_until(lambda o=other, h=hidden: h not in o.shown(user_id))  # type: ignore[misc]


def test_what_somebody_chose_elsewhere_is_known_to_a_reader(writer: Process, reader: Process) -> None:
    model = reader.parts.pool.current().model
    # Asked before, so that it is read already that they chose nothing.
    assert reader.client.get("/api/v1/users/chooser/recommendations").status_code == 404
    chosen = {"items": [item.item_id for item in model.items[:5]]}
    assert writer.client.post("/api/v1/users/chooser/preferences", json=chosen).status_code in (200, 201)

    wait_until(lambda: reader.client.get("/api/v1/users/chooser/recommendations").status_code == 200)


def test_readers_keep_nobody_from_serving_and_a_second_writer_is_refused(home: Path, writer: Process) -> None:
    assert writer.parts.role == "all"
    in_force = load_settings(flags={"home": home, **FLAGS}, environ={})
    with process(home, "reader") as one, process(home, "reader") as other:
        assert one.shown("never-seen") == other.shown("never-seen")
    with pytest.raises(Unavailable, match="serves from"), serving_lock(in_force):
        pass


def test_an_event_applied_while_a_reader_loads_what_the_plan_names_is_known_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tacit.adapters.sql.events import SqlEventStore

    home = home_with_two_versions(tmp_path / "home")
    with build(load_settings(flags={"home": home, **FLAGS}, environ={})) as app:
        app.traffic.set_shadow("recommender", Shadow(ROLLOUT, 2), split_id=ROLLOUT)
        ask, applied = SqlEventStore.changed_users, list[str]()

        def asked_just_before(store: SqlEventStore, after_turn: int) -> object:
            users = ask(store, after_turn)
            if not applied:
                applied.append("i001")
                app.event_store.apply([effect(1, user_id="never-seen", item_id="i001")], offset=1)
            return users

        monkeypatch.setattr(SqlEventStore, "changed_users", asked_just_before)
        with process(home, "reader") as reader:
            assert applied
            wait_until(lambda: reader.client.get("/api/v1/users/never-seen/recommendations").status_code == 200)


def test_a_reader_that_cannot_ask_whose_events_were_applied_says_that_its_lists_are_degraded(
    reader: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tacit.adapters.sql.events import SqlEventStore

    user_id = reader.parts.pool.current().model.user_ids[20]
    assert reader.list_of(user_id)["degraded"] is False

    def away(_: object) -> int:
        raise Unavailable("database_timeout", "It does not answer.")

    with monkeypatch.context() as patched:
        patched.setattr(SqlEventStore, "last_turn", property(away))
        wait_until(lambda: reader.list_of(user_id)["degraded"] is True)
    wait_until(lambda: reader.list_of(user_id)["degraded"] is False)
