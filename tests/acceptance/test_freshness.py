"""A user does something, and the very next list they see knows it: over HTTP, on the platform as it is wired."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tacit.bootstrap import App, Serving, build, load_settings, serving
from tacit.data import synthetic
from tacit.entrypoints.api.app import create_app
from tacit.monitoring.metrics import EXPOSURES, LIST_CACHE
from tests.stages import listening, wait_until

FLAGS = {"als.engine": "numpy", "als.factors": 16}
numbers = count(1)


@dataclass(frozen=True)
class Platform:
    """A running platform with a champion, and a client of it."""

    app: App
    parts: Serving
    client: httpx2.Client

    def did(self, user_id: str, item_ids: Sequence[str], type_: str = "play", **more: Any) -> None:
        """Send events, and have them acknowledged."""
        events = [
            {"event_id": f"f{next(numbers)}", "user_id": user_id, "item_id": item_id, "type": type_, **more}
            for item_id in item_ids
        ]
        assert self.client.post("/api/v1/events", json=events).status_code == 202

    def list_of(self, user_id: str, *, limit: int = 20) -> dict[str, Any]:
        response = self.client.get(f"/api/v1/users/{user_id}/recommendations?limit={limit}")
        assert response.status_code == 200, response.text
        body: dict[str, Any] = response.json()
        return body

    def changes(self, user_id: str, is_new: Callable[[dict[str, Any]], bool]) -> float:
        """Seconds until a user's list is a new one."""
        return wait_until(lambda: is_new(self.list_of(user_id)))

    @property
    def users(self) -> Sequence[str]:
        return self.parts.pool.current().model.user_ids


def ids(answer: dict[str, Any]) -> list[str]:
    return [item["item_id"] for item in answer["items"]]


@contextmanager
def platform(home: Path, **flags: object) -> Iterator[Platform]:
    with build(load_settings(flags={"home": home, **FLAGS, **flags}, environ={})) as app, serving(app) as parts:
        parts.pool.refresh()
        api = create_app(parts.service, parts.pool, parts.metrics, version="0", intake=parts.intake)
        with listening(api) as client:
            yield Platform(app, parts, client)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("freshness")
    synthetic.generate(folder / "community", users=200, items=150, artists_per_user=20)
    with build(load_settings(flags={"home": folder / "home", **FLAGS}, environ={})) as app:
        app.import_data("auto", folder / "community", actor="test")
        app.train(actor="test")
        app.promote(1, actor="test", force=True, reason="a test")
    return folder / "home"


@pytest.fixture(scope="module")
def running(home: Path) -> Iterator[Platform]:
    with platform(home) as running:
        yield running


@pytest.mark.requirement("DATA-020")
@pytest.mark.requirement("CACHE-008")
def test_the_next_list_after_a_play_lacks_what_was_played_within_half_a_second(running: Platform) -> None:
    waits = []
    for user_id in running.users[:5]:
        before = running.list_of(user_id)
        played = ids(before)[0]
        running.did(user_id, [played])
        waits.append(running.changes(user_id, lambda answer, played=played: played not in ids(answer)))  # type: ignore[misc]
        after = running.list_of(user_id)

        assert (after["degraded"], after["source"] in ("personal", "blended")) == (False, True)
        assert after["recommendation_id"] != before["recommendation_id"]
        assert played not in ids(running.list_of(user_id, limit=100))

    # The middle one: a machine that is busy with other things may hold any single one up.
    assert sorted(waits)[2] < 0.5


def test_somebody_never_seen_is_known_by_their_first_event_and_has_a_list_of_their_own_after_five(
    running: Platform,
) -> None:
    popular = ids(running.client.get("/api/v1/popular?limit=20").json())
    taste = running.client.get(f"/api/v1/items/{popular[-1]}/similar?limit=5").json()
    assert running.client.get("/api/v1/users/made-up/recommendations").status_code == 404

    running.did("made-up", ids(taste)[:1])
    wait_until(lambda: running.client.get("/api/v1/users/made-up/recommendations").status_code == 200)
    cold = running.list_of("made-up")
    running.did("made-up", ids(taste)[1:])
    running.changes("made-up", lambda answer: answer["source"] == "blended")
    blended = running.list_of("made-up")

    assert cold["source"] == "popular"
    assert ids(taste)[0] not in ids(cold)
    assert not set(ids(blended)) & set(ids(taste))
    assert ids(blended) != [item for item in popular if item not in ids(taste)][: len(ids(blended))]
    assert {reason["item_id"] for item in blended["items"] for reason in item["because"]} <= set(ids(taste))
    assert any(item["because"] for item in blended["items"])


def test_a_like_draws_what_is_alike_nearer_and_dislikes_drive_it_away(running: Platform) -> None:
    user_id = next(each for each in running.users[20:] if running.list_of(each)["source"] == "personal")
    liked = ids(running.list_of(user_id))[9]
    alike = ids(running.client.get(f"/api/v1/items/{liked}/similar?limit=5").json())

    def score_of_alike() -> float:
        """What the list makes of them, which is its order's; those met are in no list."""
        scores = {item["item_id"]: item["score"] for item in running.list_of(user_id, limit=200)["items"]}
        return sum(scores.get(item, 0.0) for item in alike)

    neutral = score_of_alike()
    running.did(user_id, [liked], "like")
    running.changes(user_id, lambda answer: liked not in ids(answer))
    nearer = score_of_alike()
    running.did(user_id, [liked, liked, liked], "dislike")
    wait_until(lambda: score_of_alike() < neutral)

    assert nearer > neutral
    assert liked not in ids(running.list_of(user_id, limit=200))


def test_a_list_asked_for_twice_is_the_same_under_another_name_and_both_are_remembered(running: Platform) -> None:
    user_id = running.users[40]
    hits = {"outcome": "hit"}
    first, recorded = running.list_of(user_id), running.parts.metrics.value(EXPOSURES, outcome="recorded")
    kept = running.parts.metrics.value(LIST_CACHE, **hits)
    again = [running.list_of(user_id) for _ in range(3)]

    assert {**again[-1], "recommendation_id": first["recommendation_id"]} == first
    assert len({each["recommendation_id"] for each in (first, *again)}) == 4
    # What is given again is told of a moment later; what was given before may have been told of by then.
    wait_until(lambda: running.parts.metrics.value(EXPOSURES, outcome="recorded") >= recorded + 3)
    assert running.parts.metrics.value(LIST_CACHE, **hits) >= kept + 3
    head = running.client.head(f"/api/v1/users/{user_id}/recommendations?limit=20")
    assert (head.status_code, head.content, int(head.headers["content-length"]) > 0) == (200, b"", True)


def test_an_address_that_only_looks_like_a_question_is_answered_as_ever(running: Platform) -> None:
    for path, code in (
        ("/api/v1/users/a/b/recommendations", "route_unknown"),
        ("/api/v1/users//recommendations", "route_unknown"),
        ("/api/v1/users/nobody/recommendations", "user_unknown"),
        (f"/api/v1/users/{running.users[0]}/recommendations?limit=0", "limit_range"),
        (f"/api/v1/users/{running.users[0]}/recommendations?lmit=3", "field_unknown"),
    ):
        answer = running.client.get(path)

        assert (answer.json()["code"], answer.headers["X-Request-Id"] != "") == (code, True), path
    put = running.client.put(f"/api/v1/users/{running.users[0]}/recommendations")
    assert (put.status_code, put.json()["code"]) == (405, "method_not_allowed")
