"""An id is the same id at every door: what one takes, another takes in the same form."""

from __future__ import annotations

from urllib.parse import parse_qsl

from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from tacit.data import event_fields
from tacit.entrypoints.api import texts
from tacit.entrypoints.api.body_fields import one_id
from tacit.entrypoints.api.parameters import Parameter, Query
from tacit.errors import BadInput


@settings(deadline=None)
@given(text=st.text(max_size=300))
@example(text="e\u0301" * 100)
@example(text="e\u0301" * 129)
@example(text="\U0001d160" * 64)
@example(text=" ")
def test_an_id_in_an_address_is_judged_as_one_in_an_event(text: str) -> None:
    found = []
    for checked_id in (texts.checked_id, event_fields.checked_id):
        try:
            found.append(checked_id(text, "item_id"))
        except BadInput as error:
            found.append(error.code)

    assert found[0] == found[1]


@settings(deadline=None)
@given(values=st.lists(st.text(st.characters(max_codepoint=130), max_size=6) | st.integers(), min_size=1, max_size=4))
@example(values=["a" * 256, "b"])
@example(values=["a" * 257])
@example(values=["a", " "])
def test_ids_that_are_judged_all_at_once_are_judged_as_each_by_itself(values: list[object]) -> None:
    found = []
    for value in values:
        try:
            found.append(one_id(value, "item_id"))
        except BadInput:
            break

    if texts.are_plain_ids(values):
        assert found == values
    assert texts.are_plain_ids(["a" * 256, "~"])


@settings(deadline=None)
@given(query=st.text(st.sampled_from("ab1&=:.-+"), max_size=12))
def test_a_plain_query_is_read_as_any_other(query: str) -> None:
    request = Request({"type": "http", "query_string": query.encode()})
    pairs = parse_qsl(query, keep_blank_values=True, separator="&")
    parameters = [Parameter(name, "", is_repeatable=True) for name in dict(pairs)]

    assert [
        (key, value) for key, values in Query.of(request, *parameters).values.items() for value in values
    ] == sorted(pairs, key=lambda pair: list(dict(pairs)).index(pair[0]))
