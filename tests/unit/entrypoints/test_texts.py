"""An id is the same id at every door: what one takes, another takes in the same form."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tacit.data import event_fields
from tacit.entrypoints.api import texts
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
