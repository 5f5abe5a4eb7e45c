"""What may be wanted of a key, and what is said of what may not."""

from __future__ import annotations

from typing import Any

import pytest

from tacit.errors import BadInput
from tacit.security.key_wishes import KeyWish, overlap_ms, wish_of
from tacit.security.principals import ROLES

NOW = 1_767_355_200_000


def test_a_wish_is_read_with_its_role_its_user_and_its_end() -> None:
    said = {"name": " shop ", "role": "reader", "user_id": "u\u0308", "expires": "90d", "exempt": True}

    assert wish_of(said, now_ms=NOW, owner="ann") == KeyWish(
        "shop", "ann", ROLES["reader"], "reader", "\u00fc", NOW + 90 * 86_400_000, True
    )
    assert wish_of({"name": "n", "scopes": ["lists:read"], "owner": "bob"}, now_ms=NOW) == KeyWish(
        "n", "bob", frozenset({"lists:read"})
    )
    assert (
        wish_of({"name": "n", "role": "admin", "expires": "2100-01-01T00:00:00Z"}, now_ms=NOW).expires_at_ms is not None
    )


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"name": None}, "field_missing", "name"),
        ({"name": 7}, "type", "name"),
        ({"name": " "}, "value_range", "name"),
        ({"name": "a\nb"}, "value_range", "name"),
        ({"name": "x" * 101}, "value_range", "name"),
        ({"role": None}, "field_missing", "role"),
        ({"role": "root"}, "role_unknown", "role"),
        ({"role": ["admin"]}, "role_unknown", "role"),
        ({"scopes": ["lists:read"]}, "scopes_doubled", "role"),
        ({"role": None, "scopes": []}, "type", "scopes"),
        ({"role": None, "scopes": "lists:read"}, "type", "scopes"),
        ({"role": None, "scopes": ["lists:read", "all"]}, "scope_unknown", "scopes"),
        ({"role": None, "scopes": [["lists:read"]]}, "scope_unknown", "scopes"),
        ({"user_id": ""}, "value_range", "user_id"),
        ({"user_id": 5}, "type", "user_id"),
        ({"user_id": "x" * 257}, "value_range", "user_id"),
        ({"user_id": "\ud800"}, "value_range", "user_id"),
        ({"user_id": "bob", "role": "writer"}, "scope_unbindable", "scopes"),
        ({"expires": "soon"}, "timestamp_unit", "expires"),
        ({"expires": 90}, "timestamp_unit", "expires"),
        ({"expires": "2027-01-01T00:00:00"}, "timestamp_unit", "expires"),
        ({"expires": "2001-01-01T00:00:00Z"}, "value_range", "expires"),
        ({"exempt": "yes"}, "type", "exempt"),
        ({"admin": True}, "field_unknown", None),
    ],
)
def test_what_is_wrong_with_a_wish_is_told_by_its_field(changes: dict[str, Any], code: str, field: str | None) -> None:
    with pytest.raises(BadInput) as problem:
        wish_of({"name": "shop", "role": "reader", **changes}, now_ms=NOW)

    assert (problem.value.code, problem.value.field) == (code, field)


def test_an_overlap_is_nothing_a_while_or_too_long() -> None:
    assert (overlap_ms("0", now_ms=NOW), overlap_ms("1h", now_ms=NOW)) == (0, 3_600_000)
    for bad in ("31d", "x", None):
        with pytest.raises(BadInput):
            overlap_ms(bad, now_ms=NOW)
