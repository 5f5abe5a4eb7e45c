"""Moods, charts and draws over HTTP: edited, followed, kept for everybody, and never showing what must not be shown."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tacit.adapters.sql.moods import SqlMoodStore
from tacit.data.moods import Mood
from tacit.entrypoints.api.browsing_schemas import MoodBody, MoodsBody
from tacit.errors import Unavailable
from tests.attempts import ATTEMPTS
from tests.browsing_desk import browsing_desk
from tests.catalogues import Shelf, problem
from tests.stages import wait_until

QUICK = {"moods.refresh_seconds": 0.05, "moods.trending_seconds": 0.05, "moods.trending_users": 2}

QUIET = 6
"""Looks that must see the same."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    home = tmp_path_factory.mktemp("home")
    with browsing_desk(home, **QUICK, **{"tiers.rehearsal_share": 0}) as desk:
        yield desk


def got(desk: Shelf, path: str, **query: Any) -> dict[str, Any]:
    response = desk.client.get(f"/api/v1/{path}", params=query)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def ids(body: dict[str, Any]) -> list[str]:
    return [item["item_id"] for item in body["items"]]


def users(desk: Shelf) -> list[str]:
    return list(desk.parts.pool.current().model.user_ids)


def history(desk: Shelf, user_id: str) -> set[str]:
    return {item.item_id for item in desk.parts.service.history(user_id, 1_000)}


def test_there_are_twelve_moods_and_each_says_what_it_rests_on(desk: Shelf) -> None:
    moods = MoodsBody.model_validate_json(desk.client.get("/api/v1/moods").content).moods
    party = MoodBody.model_validate_json(desk.client.get("/api/v1/moods/party").content)

    assert len(moods) == 12
    assert party in moods
    assert party.is_default
    assert (party.basis, party.model_version, party.empty_because) == ("words", "recommender/1", None)
    assert {word.word: word.items > 0 for word in party.words}["party"]
    assert 0 < len(party.seeds) <= 8 <= party.items


def test_a_mood_that_is_edited_is_another_at_once_and_forgetting_brings_the_shipped_one_back(desk: Shelf) -> None:
    item_id = desk.parts.pool.current().model.items[40].item_id
    before = got(desk, "moods/sleep/recommendations", limit=5)
    path = "/api/v1/moods/sleep"
    changed = desk.client.put(path, json={"title": "Rest", "words": {"party": 1}, "seeds": [item_id]})
    edited = got(desk, "moods/sleep/recommendations", limit=5)

    assert (changed.status_code, changed.json()["title"], changed.json()["picked"]) == (200, "Rest", [item_id])
    assert ids(edited)[0] == item_id
    assert all("Party" in item["categories"] for item in edited["items"][1:])
    assert desk.client.delete(path).status_code == 204
    assert ids(got(desk, "moods/sleep/recommendations", limit=5)) == ids(before)
    assert problem(desk.client.delete(path)) == (404, "mood_unknown")
    actions = [(entry.action, entry.subject, entry.actor) for entry in desk.app.audit.entries(limit=2)]
    assert actions == [("mood_forgotten", "mood/sleep", "local"), ("mood_changed", "mood/sleep", "local")]


def test_what_another_process_says_of_a_mood_is_followed_within_a_moment(desk: Shelf) -> None:
    store = desk.app.moods._store
    assert isinstance(store, SqlMoodStore)
    store.put(Mood("elsewhere", "Elsewhere", (("party", 1.0),)), at_ms=1)

    wait_until(lambda: desk.client.get("/api/v1/moods/elsewhere").status_code == 200)
    store.remove("elsewhere")
    wait_until(lambda: desk.client.get("/api/v1/moods/elsewhere").status_code == 404)


def test_a_mood_of_which_nothing_is_known_is_empty_with_a_reason_and_nothing_is_made_up(desk: Shelf) -> None:
    created = desk.client.put("/api/v1/moods/zero-g", json={"words": ["weightless"]})

    assert created.status_code == 201
    assert (created.json()["items"], created.json()["basis"]) == (0, "nothing")
    assert "bears one of its words" in created.json()["empty_because"]
    assert problem(desk.client.get("/api/v1/moods/zero-g/recommendations")) == (404, "mood_empty")
    assert desk.client.delete("/api/v1/moods/zero-g").status_code == 204
    bad = desk.client.put("/api/v1/moods/Zero G", json={"words": ["x"]})
    assert problem(bad) == (422, "mood_name_invalid")
    assert problem(desk.client.put("/api/v1/moods/zero-g", json={})) == (422, "field_missing")


def test_a_mood_for_somebody_is_by_their_taste_without_what_they_met_and_told_like_every_list(desk: Shelf) -> None:
    answers = {user: got(desk, "moods/party/recommendations", user_id=user, limit=5) for user in users(desk)[:12]}
    words = {word["word"] for word in got(desk, "moods/party")["words"]}

    assert len({tuple(ids(answer)) for answer in answers.values()}) > 3
    for user, answer in answers.items():
        assert (answer["source"], answer["user_id"]) == ("mood", user)
        assert all(words & {name.casefold() for name in item["categories"]} for item in answer["items"])
        assert not set(ids(answer)) & history(desk, user)
        reasons = {reason["item_id"] for item in answer["items"] for reason in item["because"]}
        assert reasons <= history(desk, user)
    wait_until(lambda: desk.parts.service.telling._exposures.counts().waiting == 0)
    recorded = {each.recommendation_id: each.source for each in desk.app.exposures.recent(1_000)}
    assert {recorded[answer["recommendation_id"]] for answer in answers.values()} == {"mood"}
    unknown = desk.client.get("/api/v1/moods/party/recommendations", params={"user_id": "nobody"})
    assert problem(unknown) == (404, "user_unknown")


def test_what_is_hidden_leaves_moods_charts_and_draws_at_once_though_they_are_kept_for_an_hour(desk: Shelf) -> None:
    asked = ("moods/party/recommendations", "charts", "charts/trending", "popular", "discover")
    shown = {path: ids(got(desk, path, limit=50)) for path in asked}
    off = shown["moods/party/recommendations"][0]
    assert got(desk, "moods/party/recommendations", limit=50)["items"][0]["item_id"] == off
    assert desk.patch(off, available=False).status_code == 200

    for path in asked:
        assert off not in ids(got(desk, path, limit=50)), path
    assert off not in {seed["item_id"] for seed in got(desk, "moods/party")["seeds"]}
    assert desk.patch(off, available=True).status_code == 200
    assert ids(got(desk, "moods/party/recommendations", limit=50))[0] == off


@pytest.mark.requirement("CACHE-003")
@pytest.mark.requirement("CACHE-009")
def test_everybodys_lists_are_computed_once_for_all_who_ask(desk: Shelf) -> None:
    item_id = desk.parts.pool.current().model.items[1].item_id
    paths = ("moods/chill/recommendations", "charts", "popular", f"items/{item_id}/similar")

    def hits() -> float:
        return desk.parts.metrics.registry.get_sample_value("tacit_list_cache_total", {"outcome": "hit"}) or 0.0

    def settled() -> float:
        """The hits, once all of them were told of: metrics wait for others of theirs up to 50 ms, and more if busy."""
        seen = [hits()]
        while len(seen) < QUIET or len(set(seen[-QUIET:])) > 1:
            time.sleep(0.05)
            seen.append(hits())
        return seen[-1]

    def is_kept(path: str) -> bool:
        before = hits()
        got(desk, path, limit=7)
        return hits() > before

    def is_given_again(path: str) -> bool:
        first, before = got(desk, path, limit=7), settled()
        again = got(desk, path, limit=7)
        if settled() != before + 1:
            return False
        assert again["items"] == first["items"]
        assert again["recommendation_id"] != first["recommendation_id"]
        got(desk, path, limit=7, exclude="something")
        assert settled() == before + 1, path
        return True

    for path in paths:
        wait_until(lambda path=path: is_kept(path))  # newcomers of an earlier change may just be made ready
        # What is made anew every 50 ms here may just be another.
        assert any(is_given_again(path) for _ in range(ATTEMPTS)), path


def test_what_many_play_now_trends_and_one_person_alone_moves_nothing(desk: Shelf) -> None:
    item_id = desk.parts.pool.current().model.items[-1].item_id
    assert got(desk, "charts/trending")["chart"] == "overall"

    def play(user_id: str, number: int) -> None:
        now = int(time.time() * 1_000)
        event = {"event_id": f"t{user_id}-{number}", "user_id": user_id, "item_id": item_id, "type": "play"}
        assert desk.client.post("/api/v1/events", json={**event, "value": 200, "occurred_at": now}).status_code < 300

    for number in range(3):
        play(users(desk)[0], number)
    wait_until(lambda: desk.parts.intake.state().lag == 0)
    time_read = desk.parts.browsing._trends._read_at
    wait_until(lambda: desk.parts.browsing._trends._read_at != time_read)
    assert got(desk, "charts/trending")["chart"] == "overall"

    for user_id in users(desk)[1:4]:
        play(user_id, 0)
    wait_until(lambda: got(desk, "charts/trending")["chart"] == "trending")
    trending = got(desk, "charts/trending", limit=3)
    assert (ids(trending)[0], trending["source"], trending["degraded"]) == (item_id, "trending", False)
    own = desk.parts.pool.current().model.items[-1].categories[0]
    assert ids(got(desk, "charts/trending", category=own))[0] == item_id


def test_while_nobody_knows_what_rises_the_trending_chart_is_the_overall_one_and_says_so(
    desk: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise Unavailable("database_lost", "It cannot be read now.")

    trends = desk.parts.browsing._trends
    monkeypatch.setattr(trends, "refresh", away)
    monkeypatch.setattr(trends, "_read_at", time.time() - 1_000)
    body = got(desk, "charts/trending")

    assert (body["chart"], body["source"], body["degraded"]) == ("overall", "popular", True)


def test_a_chart_of_a_category_holds_nothing_else_and_an_unknown_one_is_refused(desk: Shelf) -> None:
    body = got(desk, "charts", category="Party", limit=20)

    assert (body["chart"], body["source"]) == ("category", "category")
    assert all("Party" in item["categories"] for item in body["items"])
    for path in ("charts", "charts/trending", "discover"):
        assert problem(desk.client.get(f"/api/v1/{path}", params={"category": "nope"})) == (404, "category_unknown")


def test_a_draw_for_somebody_never_holds_what_they_met_and_a_seed_is_a_short_text(desk: Shelf) -> None:
    for user_id in users(desk)[:5]:
        body = got(desk, "discover", user_id=user_id, limit=100)
        assert not set(ids(body)) & history(desk, user_id)
        assert ids(got(desk, "discover", user_id=user_id, limit=100, seed=body["seed"])) == ids(body)
    assert problem(desk.client.get("/api/v1/discover", params={"seed": "x" * 65})) == (422, "seed_invalid")
    assert problem(desk.client.get("/api/v1/discover", params={"seed": ""})) == (422, "seed_invalid")
