"""Answers become values, problems become errors by what the caller can do, and odd answers become neither."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tacit.client import answers
from tacit.client.answers import Reply
from tacit.client.values import Item, Preferences, Reason, User
from tacit.errors import (
    BadInput,
    Forbidden,
    Misconfigured,
    NotFound,
    Refused,
    TacitError,
    Unauthenticated,
    Unavailable,
)

ANSWER: dict[str, Any] = {
    "recommendation_id": "r1",
    "model_version": "recommender/3",
    "source": "personal",
    "degraded": False,
    "user_id": "ann",
    "unknown_items": [],
    "items": [
        {
            "item_id": "i1",
            "title": "Sigur Rós",
            "categories": ["odd"],
            "score": 1,
            "because": [{"item_id": "i9", "title": "T", "share": 0.5}],
            "new": 1,
        }
    ],
    "of_a_newer_platform": {"a": 1},
}


def reply(body: object, status: int = 200) -> Reply:
    return Reply(status, json.dumps(body).encode())


def test_a_list_is_read_and_what_is_not_known_is_passed_over() -> None:
    found = answers.read(reply(ANSWER), answers.recommendations)

    assert (found.source, found.user_id, found.items[0].score) == ("personal", "ann", 1.0)
    assert found.items[0].because == (Reason("i9", "T", 0.5),)


def test_an_item_of_an_older_platform_is_available_and_has_no_labels() -> None:
    body = {"item_id": "i", "title": "T", "categories": ["a"], "tags": [], "listeners": 3}

    assert answers.item(body) == Item("i", "T", ("a",), (), 3, True, {})


def test_an_item_and_a_user_are_read_with_their_times() -> None:
    moment, text = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC), "2026-01-02T03:04:05.678Z"
    item = {"item_id": "i", "title": "T", "categories": [], "tags": ["t"], "listeners": 0, "available": False}
    chosen = {"items": ["i1"], "categories": [], "moods": ["calm"]}
    user = {"user_id": "ann", "labels": {"a": 1}, "preferences": chosen, "interactions": 7, "updated_at": None}

    assert answers.item({**item, "labels": {"x": [1]}, "expires_at": text, "updated_at": None}) == Item(
        "i", "T", (), ("t",), 0, False, {"x": [1]}, moment, None
    )
    assert answers.user(user) == User("ann", {"a": 1}, Preferences(("i1",), (), ("calm",)), 7, None)


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b"null", b'{"items": 1}', b"[" * 100_000, b"\xff"])
def test_what_is_no_answer_is_said_to_be_none(content: bytes) -> None:
    with pytest.raises(Unavailable, match="can read") as odd:
        answers.read(Reply(200, content), answers.recommendations)

    assert odd.value.code == "answer_unreadable"


def test_a_count_without_end_is_no_answer_either() -> None:
    body = b'{"item_id": "i", "title": "T", "categories": [], "tags": [], "listeners": 1e999}'

    with pytest.raises(Unavailable, match="can read"):
        answers.read(Reply(200, body), answers.item)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadInput),
        (401, Unauthenticated),
        (403, Forbidden),
        (404, NotFound),
        (405, Misconfigured),
        (409, Refused),
        (413, BadInput),
        (422, BadInput),
        (429, Unavailable),
        (500, Unavailable),
        (503, Unavailable),
        (507, Unavailable),
    ],
)
def test_a_problem_becomes_the_error_it_was(status: int, kind: type[TacitError]) -> None:
    body = {"code": "user_unknown", "detail": "No.", "field": "user_id", "fix": "Do.", "offset": 7, "title": "x"}
    error = answers.error_of(reply(body, status))

    assert type(error) is kind
    assert (error.code, error.detail, error.field, error.fix) == ("user_unknown", "No.", "user_id", "Do.")
    assert (error.context["offset"], error.context["status"]) == (7, status)


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b'{"code": 7}', b'{"detail": null}'])
def test_a_problem_that_is_none_of_ours_is_named_by_its_status(content: bytes) -> None:
    error = answers.error_of(Reply(502, content))

    assert (type(error), error.code) == (Unavailable, "http_502")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        ("86400", 300.0),
        ("9" * 400, 300.0),
        ("Fri, 02 Jan 2026 00:00:05 GMT", 5.0),
        ("Thu, 01 Jan 2026 00:00:05 GMT", 0.0),
        ("Fri, 02 Jan 2126 00:00:05 GMT", 300.0),
        ("-1", None),
        ("soon", None),
        ("Fri, 02 Jan 2026 00:00:00 +9999999999999", None),
        ("", None),
        ("٣", None),
        (None, None),
    ],
)
def test_how_long_to_wait_is_read_in_seconds_and_as_a_date(text: str | None, seconds: float | None) -> None:
    now = datetime(2026, 1, 2, tzinfo=UTC)

    assert answers.asked_wait(Reply(503, b"", text), now=lambda: now) == seconds
