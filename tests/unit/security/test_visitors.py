"""Visitors: known again by what their browser keeps, and by nothing that somebody made up."""

from __future__ import annotations

import pytest

from tacit.security.visitors import PREFIX, VISITOR_SCOPES, Visitors

DAY = 86_400


def visitors(secret: bytes = b"s" * 32, *, now: list[float] | None = None, keep_days: int = 180) -> Visitors:
    at = [1_800_000_000.0] if now is None else now
    return Visitors(lambda: secret, clock=lambda: at[0], keep_days=keep_days)


def test_a_visitor_is_known_again_by_their_cookie_and_no_two_are_the_same() -> None:
    first, second = visitors().new(), visitors().new()
    assert first.cookie is not None
    again = visitors().known(first.cookie)

    assert again is not None
    assert (again.user_id, again.cookie) == (first.user_id, None)
    assert first.user_id != second.user_id
    assert first.user_id.startswith(PREFIX)


def test_a_cookie_of_another_installation_or_with_another_id_is_nobodys() -> None:
    made = visitors().new().cookie
    assert made is not None
    name, since, seal = made.split(".")
    other = visitors().new().cookie
    assert other is not None

    assert visitors(b"t" * 32).known(made) is None
    assert visitors().known(f"{other.split('.')[0]}.{since}.{seal}") is None
    assert visitors().known(f"{name}.{int(since, 16) + 1:x}.{seal}") is None
    assert visitors().known(made) is not None


def test_a_visitor_is_forgotten_once_the_days_are_over() -> None:
    now = [1_800_000_000.0]
    known = visitors(now=now, keep_days=2)
    cookie = known.new().cookie
    assert cookie is not None

    now[0] += 2 * DAY - 1
    assert known.known(cookie) is not None
    now[0] += 2
    assert known.known(cookie) is None


@pytest.mark.parametrize("text", ["", ".", "..", "a.b.c", "é" * 80, f"{'a' * 22}.6b.{'b' * 43}", "a" * 5_000, "\0"])
def test_no_text_that_somebody_made_up_is_a_visitors_cookie(text: str) -> None:
    assert visitors().known(text) is None


@pytest.mark.requirement("SEC-014")
def test_a_visitor_may_touch_what_is_theirs_and_nothing_of_others() -> None:
    visitor = visitors().new()

    assert visitor.principal.scopes == VISITOR_SCOPES
    assert visitor.principal.may_touch(visitor.user_id)
    assert not visitor.principal.may_touch("l1")
    assert not any(visitor.principal.may(scope) for scope in ("catalogue:write", "operations:read", "security:admin"))
    assert visitor.user_id not in visitor.principal.name
