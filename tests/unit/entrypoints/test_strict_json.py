"""The short ways through JSON say what the long ways would, or nothing."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tacit.entrypoints.api import strict_json
from tacit.entrypoints.api.events import parse_events
from tacit.entrypoints.api.strict_json import MAX_DEPTH, parse_lines, parse_value
from tacit.errors import BadInput

PIECES = (
    "{", "}", "[", "]", '"', ",", ":", "\\", " ", "1", "-0", "1e999", "NaN", "null", '"a"', '"b"', '"a":1', '"a":[',
    "]}", "{}", "[]", "\x00", "\ufeff", "é", "\r", "9" * 30,
)  # fmt: skip
NEARLY_JSON = st.lists(st.sampled_from(PIECES), min_size=1, max_size=12).map("".join)
FLAT = st.dictionaries(st.sampled_from("abc"), st.integers() | st.text(max_size=3) | st.none(), max_size=3)
LINE = st.one_of(NEARLY_JSON, FLAT.map(json.dumps), FLAT.map(lambda each: json.dumps(each, ensure_ascii=False)))


def said(body: bytes) -> object:
    """What a body says, or the name of what is wrong with it."""
    try:
        return ("value", parse_value(body))
    except BadInput as error:
        return ("error", error.code)


@settings(max_examples=400, deadline=None)
@given(st.lists(LINE, min_size=1, max_size=4))
@example(['{"x":1}],[{"y":2}', '{"a":[[{"q":1}', '{"z":1}]]}'])  # as many values as lines, and none of them a line's
@example(['{"a":1},{"b":2}', '{"c":[1', "2]}"])
@example(['{"a":1},{"b":2}', '{"c":"', '"}'])
@example(['{"a":1', "}"])
@example(['{"a":1},', '{"a":2}'])
@example(['{"a":1}{"b":2}', '{"a":1}'])
def test_lines_read_at_once_say_what_each_says_by_itself(lines: list[str]) -> None:
    sent = [line.encode() for line in "\n".join(lines).encode().decode().split("\n") if line.strip(" \t\r")]
    at_once = parse_lines(sent) if sent else None

    if at_once is not None:
        assert [("value", value) for value in at_once] == [said(line) for line in sent]


def test_lines_of_ordinary_events_are_read_at_once() -> None:
    lines = [json.dumps({"event_id": f"e{n}", "value": 2.5, "type": "play"}).encode() for n in range(500)]

    assert parse_lines(lines) == [json.loads(line) for line in lines]


@pytest.mark.parametrize("line", ['{"a":1,"a":2}', '{"a":NaN}', '{"a":{}}', '"a"', '{"a":"\\u0000"}', "{", '{"a":1}]'])
def test_a_line_that_is_no_plain_object_is_left_to_be_read_by_itself(line: str) -> None:
    assert parse_lines([b'{"b":1}', line.encode()]) is None


@pytest.mark.parametrize("line", ['{"a":1,"a":2}', '{"a":1', "\ufeff{}", '{"a":1e999}'])
def test_a_bad_line_among_good_ones_is_the_only_one_refused(line: str) -> None:
    sent = parse_events(b'{"b":1}\n' + line.encode() + b'\n{"c":2}\n', is_lines=True)

    assert [sent.events[0], sent.events[2]] == [{"b": 1}, {"c": 2}]
    assert not isinstance(sent.events[1], dict)


@settings(max_examples=1_000, deadline=None)
@given(st.lists(st.sampled_from([*"[]{}", '"', '"x"', '"["', '"]"', "\\", '""', "[" * 120, "{" * 120]), max_size=30))
def test_what_is_called_shallow_is_not_too_deep(pieces: list[str]) -> None:
    body = "".join(pieces).encode()

    if strict_json._is_shallow(body):
        strict_json._check_depth(body.decode())


@pytest.mark.parametrize("opened", ["[", '{"a":'])
def test_depth_is_refused_at_the_level_it_always_was(opened: str) -> None:
    closed = "]" if opened == "[" else "}"
    fits, too_deep = (opened * depth + "1" + closed * depth for depth in (MAX_DEPTH, MAX_DEPTH + 1))

    assert said(fits.replace("1]", "]").encode())[0] == "value"
    assert said(too_deep.replace("1]", "]").encode()) == ("error", "json_depth")


def test_a_batch_of_flat_events_needs_no_look_at_every_character() -> None:
    events = [{"event_id": f"e{n}", "user_id": "u", "properties": {}} for n in range(500)]

    assert strict_json._is_shallow(json.dumps({"events": events}).encode())


@pytest.mark.parametrize("digits", ["9223372036854775807", "-9223372036854775808", "999999999999999999", "-1"])
def test_a_number_of_sixty_four_bits_is_itself(digits: str) -> None:
    assert parse_value(digits.encode()) == int(digits)


@pytest.mark.parametrize("digits", ["9223372036854775808", "-9223372036854775809"])
def test_a_number_beyond_sixty_four_bits_is_refused(digits: str) -> None:
    assert said(digits.encode()) == ("error", "number_out_of_range")


def test_the_field_that_stands_there_twice_is_named() -> None:
    with pytest.raises(BadInput) as refused:
        parse_value(b'{"a":1,"b":2,"b":3,"a":4}')

    assert (refused.value.code, refused.value.field) == ("json_duplicate_key", "b")
