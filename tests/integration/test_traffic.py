"""The command that sends simulated people: what it refuses, and how it behaves to a platform that is short of room."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.event_servers import Told, told_server
from tests.shells import within

ITEM = {"item_id": "a1", "title": "One", "categories": ["x"], "tags": [], "listeners": 3}


def told(body: object, status: int = 200, **headers: str) -> Told:
    return Told(status, json.dumps(body).encode(), {name.replace("_", "-"): value for name, value in headers.items()})


def test_a_platform_that_is_short_of_room_is_asked_again_only_when_it_said(tmp_path: Path) -> None:
    around = (told({"items": [ITEM], "next_cursor": None}), told({"moods": []}), told({"users": []}))
    full = told({"code": "overloaded", "detail": "No room."}, 503, Retry_After="1")
    with told_server(*around, full) as server:
        ran = within("traffic", server.address, "--rate", "240", "--duration", "1", "--json", home=tmp_path)

    asked = ran.answer["asked"]
    questions = [path for _, path, _ in server.asked[3:]]
    # Everything was refused, tried four times at the most, and not before the second was over that was asked for.
    assert ran.answer["failed"] == {"overloaded": asked}
    assert asked < len(questions) <= 4 * asked
    assert ran.seconds > 1


def test_a_platform_without_anything_to_show_is_visited_by_nobody(tmp_path: Path) -> None:
    with told_server(told({"items": [], "next_cursor": None})) as server:
        ran = within("traffic", server.address, "--json", home=tmp_path)

    assert ran.answer["error"]["code"] == "catalogue_empty"


@pytest.mark.parametrize(
    ("options", "code"),
    [(("--rate", "0"), "pace_invalid"), (("--key-file", "no-such-file"), "key_unreadable")],
)
def test_what_cannot_be_meant_is_refused_before_anybody_is_asked(
    options: tuple[str, ...], code: str, tmp_path: Path
) -> None:
    ran = within("traffic", "http://127.0.0.1:9", *options, "--json", home=tmp_path)

    assert (ran.code != 0, ran.answer["error"]["code"]) == (True, code)


def test_a_key_is_read_from_a_file_and_sent(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("tk_something\n")
    with told_server(told({"code": "key_invalid", "detail": "No."}, 401)) as server:
        ran = within("traffic", server.address, "--key-file", tmp_path / "key", "--json", home=tmp_path)

    assert ran.answer["error"]["code"] == "key_invalid"
    assert "tk_something" not in ran.out + ran.err
