"""Quarantine looked after over HTTP and from a shell while the server runs; what is released has its effect once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tacit.entrypoints.api.quarantine_schemas import QuarantineBody, QuarantinedBody
from tests.integration.test_http_events import Platform, platform, play, problem
from tests.shells import tacit, within
from tests.stages import wait_until

PATH = "/api/v1/quarantine"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Platform]:
    with platform(tmp_path / "home") as running:
        yield running


def conflict(running: Platform, **changes: Any) -> tuple[int, dict[str, Any]]:
    """An event under the id of another, and its entry in quarantine."""
    first = play()
    other = {**first, "item_id": "i2", **changes}
    running.send(first)
    assert running.send(other).status_code == 409
    return listed(running)["entries"][-1]["quarantine_id"], other


def listed(running: Platform, query: str = "") -> dict[str, Any]:
    response = running.client.get(PATH + query)
    QuarantineBody.model_validate_json(response.content)
    body: dict[str, Any] = response.json()
    return body


@pytest.mark.requirement("QUAL-018")
@pytest.mark.requirement("QUAL-020")
def test_what_was_set_aside_is_listed_with_its_lineage_and_the_next_page(running: Platform) -> None:
    numbers = [conflict(running)[0] for _ in range(3)]
    first = listed(running, "?limit=2")
    rest = listed(running, f"?limit=2&cursor={first['next_cursor']}")
    response = running.client.get(f"{PATH}/{numbers[1]}")

    QuarantinedBody.model_validate_json(response.content)
    assert [each["quarantine_id"] for each in first["entries"] + rest["entries"]] == numbers
    assert (rest["next_cursor"], rest["reasons"]) == (None, {"event_conflict": 3})
    assert response.json() == first["entries"][1]
    assert {**response.json(), "received_at_ms": 0, "quarantine_id": 0, "event": None, "detail": ""} == {
        "quarantine_id": 0,
        "state": "held",
        "reason": "event_conflict",
        "detail": "",
        "tries": 1,
        "source": "api",
        "sequence": None,
        "received_at_ms": 0,
        "event": None,
        "mended": None,
    }
    assert listed(running, "?reason=entity_unknown")["entries"] == []


@pytest.mark.requirement("QUAL-019")
def test_a_corrected_and_released_event_has_its_effect_once(running: Platform) -> None:
    number, event = conflict(running)
    fixed = running.client.patch(f"{PATH}/{number}", json={"event_id": "mine", "type": "like"})
    released = [running.client.post(f"{PATH}/release", json={"ids": [number]}).json() for _ in range(2)]
    wait_until(lambda: running.weights(event["user_id"]) == {"i1": 1.0, "i2": 3.0})
    after = running.client.get(f"{PATH}/{number}").json()
    again = running.client.patch(f"{PATH}/{number}", json={"type": "play"})
    acts = [(each.action, each.actor, each.subject) for each in running.app.audit.entries()]

    assert fixed.json()["mended"] == {
        "event_id": "mine",
        **{k: event[k] for k in ("user_id", "item_id")},
        "type": "like",
    }
    assert fixed.json()["event"]["type"] == "play"
    assert released == [{"released": 1}, {"released": 0}]
    assert (after["state"], listed(running)["entries"]) == ("applied", [])
    assert problem(again) == (409, "quarantine_settled")
    assert acts == [
        ("quarantine_released", "local", f"quarantine/{number}"),
        ("quarantine_fixed", "local", f"quarantine/{number}"),
    ]
    counts = running.app.event_store.counts()["api"]
    assert (counts.stored, counts.quarantined, counts.missing) == (2, 0, 0)


def test_another_event_is_put_in_the_place_of_a_held_one(running: Platform) -> None:
    number, event = conflict(running)
    whole = {"event_id": "put", "user_id": "zoe", "item_id": "i7", "type": "play", "value": 4}
    response = running.client.put(f"{PATH}/{number}", json=whole)
    running.client.post(f"{PATH}/release", json={"reason": "event_conflict"})
    wait_until(lambda: running.weights("zoe") == {"i7": 4.0})

    assert response.json()["mended"] == whole
    assert "i2" not in running.weights(event["user_id"])


def test_what_is_purged_is_gone_for_good_and_counts_as_rejected(running: Platform) -> None:
    number, _ = conflict(running)
    unsure = running.client.post(f"{PATH}/purge", json={"ids": [number]})
    purged = running.client.post(f"{PATH}/purge", json={"ids": [number], "confirm": True})
    wait_until(lambda: running.app.event_store.counts()["api"].received == 2)
    counts = running.app.event_store.counts()["api"]

    assert problem(unsure) == (422, "confirmation_missing")
    assert purged.json() == {"purged": 1}
    assert problem(running.client.get(f"{PATH}/{number}")) == (404, "quarantine_unknown")
    assert (counts.rejected, counts.quarantined, counts.missing) == (1, 0, 0)


BAD: list[tuple[str, str, Any, int, str]] = [
    ("GET", "?limit=0", None, 422, "limit_range"),
    ("GET", "?limit=1001", None, 422, "limit_range"),
    ("GET", "?cursor=-1", None, 422, "value_range"),
    ("GET", "?cursor=99999999999999999999", None, 422, "value_range"),
    ("GET", "?reasons=x", None, 422, "field_unknown"),
    ("GET", "?reason=%00", None, 422, "string_nul"),
    ("GET", "/one", None, 422, "value_range"),
    ("GET", "/0", None, 422, "value_range"),
    ("GET", "/4711", None, 404, "quarantine_unknown"),
    ("PATCH", "/4711", {"type": "play"}, 404, "quarantine_unknown"),
    ("PATCH", "/1", [1], 422, "type"),
    ("PUT", "/4711", play(), 404, "quarantine_unknown"),
    ("POST", "/release", {}, 422, "field_missing"),
    ("POST", "/release", {"ids": []}, 422, "field_missing"),
    ("POST", "/release", {"ids": [True]}, 422, "type"),
    ("POST", "/release", {"ids": ["1"]}, 422, "type"),
    ("POST", "/release", {"ids": 1}, 422, "type"),
    ("POST", "/release", {"ids": [0]}, 422, "value_range"),
    ("POST", "/release", {"ids": [2**63]}, 422, "number_out_of_range"),
    ("POST", "/release", {"ids": [1] * 1_001}, 422, "too_many_items"),
    ("POST", "/release", {"ids": [4711]}, 404, "quarantine_unknown"),
    ("POST", "/release", {"ids": [1], "reason": "x"}, 422, "field_missing"),
    ("POST", "/release", {"reason": 1}, 422, "type"),
    ("POST", "/release", {"id": [1]}, 422, "field_unknown"),
    ("POST", "/release", {"confirm": True, "ids": [1]}, 422, "field_unknown"),
    ("POST", "/purge", {"ids": [4711], "confirm": True}, 404, "quarantine_unknown"),
    ("POST", "/purge", {"reason": "x", "confirm": 1}, 422, "confirmation_missing"),
]


def test_a_request_that_makes_no_sense_is_refused_by_name(tmp_path: Path) -> None:
    with platform(tmp_path) as running:
        for method, where, body, status, code in BAD:
            response: httpx2.Response = running.client.request(method, PATH + where, json=body)
            assert problem(response) == (status, code), (method, where, body)


def test_the_shell_of_another_process_looks_after_quarantine_while_the_server_runs(
    running: Platform, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    (number, event), (other, _) = conflict(running), conflict(running)
    listed = within("quarantine", "list", "--json", home=home).answer
    fixed = within("quarantine", "fix", str(number), "event_id=own", "type=like", "--json", home=home).answer
    released = tacit("quarantine", "release", "--reason", "event_conflict", "--json", home=home).answer
    wait_until(lambda: running.weights(event["user_id"]) == {"i1": 1.0, "i2": 3.0}, seconds=5)
    shown = within("quarantine", "show", str(number), "--json", home=home).answer
    wait_until(lambda: running.app.quarantine.entry(other).state == "repeated")

    assert [each["quarantine_id"] for each in listed["events"]] == [number, other]
    assert (listed["rows"], listed["next_cursor"], listed["reasons"]) == ([], None, {"event_conflict": 2})
    assert fixed["mended"]["event_id"] == "own"
    assert released == {"released": 2}
    assert shown["state"] == "applied"


def test_a_person_at_the_shell_is_told_what_is_there_and_what_to_do_next(tmp_path: Path) -> None:
    home = tmp_path / "home"
    empty = within("quarantine", "list", home=home)
    with platform(home) as running:
        number, _ = conflict(running)
        conflict(running)
    listed = within("quarantine", "list", "--limit", "1", home=home)
    fixed = within("quarantine", "fix", str(number), "value=2", "recommendation_id=", home=home)
    whole = within("quarantine", "fix", str(number), "--event", '{"event_id": "x"}', "--json", home=home)
    unsure = within("quarantine", "purge", str(number), home=home)
    purged = within("quarantine", "purge", str(number), "--yes", home=home)
    nothing = within("quarantine", "release", "--json", home=home)

    assert "Nothing is in quarantine." in empty.out
    assert "event_conflict" in listed.out
    assert f"More: tacit quarantine list --cursor {number}" in listed.out
    assert f"Next: tacit quarantine release {number}" in fixed.out
    assert '"value": 2.0' in fixed.out
    assert (whole.code, whole.answer["error"]["code"]) == (5, "field_missing")
    assert (unsure.code, purged.code, purged.out) == (2, 0, "1 purged.\n")
    assert (nothing.code, nothing.answer["error"]["code"]) == (2, "usage_invalid")
