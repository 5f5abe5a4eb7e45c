"""A platform that has learnt nothing is pointed at items and events, learns from them, and answers the same hour."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from tests.shells import QUICK, serving, within
from tests.stages import wait_until

USERS, ITEMS, PLAYS = 60, 40, 12


@dataclass(frozen=True)
class Beginning:
    """What was seen on the way from nothing to a list."""

    announced: dict[str, Any]
    before: dict[str, int]
    lag: int
    trained: dict[str, Any]
    answer: dict[str, Any]


def plays() -> list[dict[str, object]]:
    """Two camps of users, each with items of its own."""
    half = ITEMS // 2
    return [
        {
            "event_id": f"{user}-{play}",
            "user_id": f"u{user}",
            "item_id": f"i{(user % 2) * half + (user * 7 + play) % half}",
            "type": "play",
        }
        for user in range(USERS)
        for play in range(PLAYS)
    ]


@pytest.fixture(scope="module")
def beginning(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beginning]:
    home = tmp_path_factory.mktemp("beginning") / "home"
    with serving("serve", "--without-champion", home=home) as server:
        client = httpx2.Client(base_url=server.announced["pages"], timeout=20)
        before = {path: client.get(path).status_code for path in ("/", "/readyz", "/livez", "/api/v1/popular")}
        items = [{"item_id": f"i{number}", "title": f"Song {number}"} for number in range(ITEMS)]
        assert client.put("/api/v1/items", json=items).status_code == 200
        sent = plays()
        for start in range(0, len(sent), 500):
            assert client.post("/api/v1/events", json=sent[start : start + 500]).status_code == 202
        wait_until(lambda: client.get("/health").json()["events"]["lag"] == 0, seconds=20)
        lag = client.get("/health").json()["events"]["lag"]
        trained = within("train", "--json", *QUICK, "--set", "gate.min_cases=20", home=home).answer
        assert within("promote", "1", "--force", "--reason", "the first", home=home).code == 0
        wait_until(lambda: client.get("/readyz").status_code == 200, seconds=20)
        answer = client.get("/api/v1/users/u3/recommendations?limit=5").json()
        yield Beginning(server.announced, before, lag, trained, answer)
        client.close()


def test_a_server_without_a_version_says_so_and_is_not_ready(beginning: Beginning) -> None:
    assert (beginning.announced["version"], beginning.announced["dataset"]) == (None, None)
    assert beginning.before["/readyz"] == beginning.before["/api/v1/popular"] == 503
    assert (beginning.before["/"], beginning.before["/livez"]) == (503, 200)


def test_what_users_did_with_items_that_were_only_described_is_learnt_from(beginning: Beginning) -> None:
    assert beginning.lag == 0
    assert beginning.trained["version"] == "recommender/1"


def test_once_promoted_the_version_answers_with_what_their_camp_likes(beginning: Beginning) -> None:
    found = beginning.answer

    assert (found["source"], found["model_version"]) == ("personal", "recommender/1")
    assert {int(item["item_id"][1:]) >= ITEMS // 2 for item in found["items"][:3]} == {True}
    assert found["items"][0]["title"].startswith("Song ")
