"""A key: what it looks like, when it holds, and that finding out takes the same steps whether there is one or not."""

from __future__ import annotations

import ast
import hmac
import inspect
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.security import keys
from tacit.security.keys import ApiKey, KeySecret, digest_of, holds, key_id_in, new_key_id, new_key_text

NOW = 1_767_355_200_000
PEPPER = b"p" * 32


def made(text: str, **changes: object) -> ApiKey:
    secret = KeySecret(digest_of(text, PEPPER), NOW)
    key = ApiKey("aaaaaaaa", "shop", "ann", frozenset({"lists:read"}), None, NOW, "ann", (secret,))
    return replace(key, **changes)  # type: ignore[arg-type]


def test_a_key_has_a_prefix_for_scanners_an_id_for_lookups_and_a_check_against_slips() -> None:
    key_id = new_key_id()
    text = new_key_text(key_id)

    assert text.startswith(f"tacit_live_{key_id}_")
    assert len(text) == len("tacit_live_") + 8 + 1 + 40 + 1 + 8
    assert key_id_in(text) == key_id
    assert new_key_text(key_id) != text


@given(st.data())
def test_no_key_with_a_letter_changed_left_out_or_lowered_reads_as_one(data: st.DataObject) -> None:
    text = new_key_text(new_key_id())
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from("aZ0_-é "))
    changed = text[:place] + other + text[place + 1 :]

    for spoilt in (changed, text[:place], text.lower(), text + "\n", " " + text, text * 2):
        assert spoilt == text or key_id_in(spoilt) is None


@given(st.text())
def test_no_text_whatever_holds_in_place_of_a_key(text: str) -> None:
    key = made(new_key_text("aaaaaaaa"))

    assert not holds(text, key, pepper=PEPPER, now_ms=NOW)
    assert not holds(text, None, pepper=PEPPER, now_ms=NOW)


def test_a_key_holds_until_it_expires_or_is_revoked_and_under_its_own_pepper_alone() -> None:
    text = new_key_text("aaaaaaaa")
    key = made(text, expires_at_ms=NOW + 10)

    assert holds(text, key, pepper=PEPPER, now_ms=NOW + 9)
    assert not holds(text, key, pepper=PEPPER, now_ms=NOW + 10)
    assert not holds(text, replace(key, revoked_at_ms=NOW), pepper=PEPPER, now_ms=NOW)
    assert not holds(text, key, pepper=b"q" * 32, now_ms=NOW)


def test_after_a_rotation_both_secrets_hold_until_the_overlap_ends_and_never_three() -> None:
    texts = [new_key_text("aaaaaaaa") for _ in range(3)]
    secrets = [KeySecret(digest_of(text, PEPPER), NOW + place) for place, text in enumerate(texts)]
    once = made(texts[0]).rotated(secrets[1], old_until_ms=NOW + 50)
    twice = once.rotated(secrets[2], old_until_ms=NOW + 60)

    def held(key: ApiKey, now_ms: int) -> list[bool]:
        return [holds(text, key, pepper=PEPPER, now_ms=now_ms) for text in texts]

    assert held(once, NOW + 49) == [True, True, False]
    assert held(once, NOW + 50) == [False, True, False]
    assert held(twice, NOW + 3) == [False, True, True]
    assert held(twice, NOW + 60) == [False, False, True]


def test_a_known_an_unknown_and_a_wrong_key_are_compared_as_often(monkeypatch: pytest.MonkeyPatch) -> None:
    text, compared = new_key_text("aaaaaaaa"), []
    real = hmac.compare_digest
    monkeypatch.setattr(
        hmac, "compare_digest", lambda one, other: compared.append((len(one), len(other))) or real(one, other)
    )
    rotated = made(text).rotated(KeySecret("0" * 64, NOW), old_until_ms=NOW + 5)

    told = []
    for key in (made(text), None, made(new_key_text("aaaaaaaa")), rotated, made(text, revoked_at_ms=NOW)):
        compared.clear()
        told.append((holds(text, key, pepper=PEPPER, now_ms=NOW), list(compared)))

    assert [each for each, _ in told] == [True, False, False, True, False]
    assert {tuple(steps) for _, steps in told} == {((64, 64), (64, 64))}


def test_no_digest_is_compared_by_the_operator_that_stops_at_the_first_difference() -> None:
    tree = ast.parse(inspect.getsource(keys))
    compared = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Compare)]

    assert not [each for each in compared if "digest" in each or "secret" in each]
    assert "hmac.compare_digest" in ast.unparse(tree)
