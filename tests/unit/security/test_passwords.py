"""Which passwords are taken, and what is kept of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tacit.adapters.argon2_passwords import Argon2Passwords, Costs
from tacit.errors import BadInput, Unavailable
from tacit.security.common_passwords import WORDS, is_common
from tacit.security.passwords import can_be_one, checked_password, normal
from tests.people import ANOTHER, CHEAP, PASSWORD


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("eleven char", "password_short"),
        ("x" * 129, "password_long"),
        ("twelve chars\0 and more", "password_unreadable"),
        ("half a pair \ud800 here", "password_unreadable"),
        ("password1234", "password_common"),
        ("P4ssw0rd!2026", "password_common"),
        ("letmein12345!", "password_common"),
        ("ILoveYou2026!!", "password_common"),
        ("123456789012", "password_common"),
        ("qwertyuiop12", "password_common"),
        ("abcabcabcabc", "password_common"),
        ("aaaaaaaaaaaaaaaaaa", "password_common"),
        ("welcome welcome 1", "password_common"),
        ("ann.lee2026!!!", "password_common"),
    ],
)
def test_what_is_guessed_first_or_cannot_be_one_is_refused(password: str, code: str) -> None:
    with pytest.raises(BadInput) as refused:
        checked_password(password, login="ann.lee@example.org" if "lee" in password else "ann")

    assert (refused.value.code, refused.value.field) == (code, "password")
    assert password not in refused.value.detail


@pytest.mark.parametrize(
    "password", [PASSWORD, ANOTHER, "x7!kQ2#vLm9$", "ünïcödé wörds gälore", "🦩" * 3 + " stand in water"]
)
def test_what_is_hard_to_guess_is_taken(password: str) -> None:
    assert checked_password(password, login="ann") == normal(password)


def test_the_list_is_no_longer_than_it_says() -> None:
    assert 200 < len(WORDS) < 400
    assert all(is_common(f"{word:1<12}") for word in WORDS)


def test_a_password_of_the_greatest_length_is_hashed_to_its_last_character() -> None:
    hasher = Argon2Passwords(CHEAP)
    longest = "".join(chr(0x4E00 + at) for at in range(128))
    kept = hasher.hashed(longest)

    assert hasher.matches(kept, longest)
    assert not hasher.matches(kept, longest[:-1] + "x")
    assert (can_be_one(longest), can_be_one(longest + "x"), can_be_one("x" * 2_000)) == (True, False, False)


def test_the_same_letters_composed_otherwise_are_the_same_password() -> None:
    hasher = Argon2Passwords(CHEAP)
    kept = hasher.hashed(checked_password("cafe\u0301 by the river", login="ann"))

    assert hasher.matches(kept, normal("caf\u00e9 by the river"))


def test_hashes_are_argon2id_of_the_costs_we_promise_and_no_two_alike() -> None:
    hasher = Argon2Passwords()
    one, other = hasher.hashed(PASSWORD), hasher.hashed(PASSWORD)

    assert one.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert one != other
    assert not hasher.is_outdated(one)
    assert Argon2Passwords(Costs(memory_kib=32_768)).is_outdated(one)


@pytest.mark.parametrize("kept", [None, "", "$argon2id$broken", "plain"])
def test_nobodys_hash_and_a_broken_one_match_nothing(kept: str | None) -> None:
    assert not Argon2Passwords(CHEAP).matches(kept, "this is nobody's")


def test_who_comes_while_too_many_hash_is_told_to_come_again() -> None:
    hasher = Argon2Passwords(CHEAP, at_once=1, waiting=1, patience_seconds=0.01)

    with hasher._place(), pytest.raises(Unavailable, match="at this moment") as late:
        hasher.hashed(PASSWORD)
    with hasher._place(), ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(hasher.matches, None, PASSWORD) for _ in range(8)]
        assert {type(each.exception()) for each in asked} == {Unavailable}

    assert late.value.code == "sign_in_busy"
    assert not hasher.matches(None, PASSWORD)
