"""Signing in, staying so and signing out: by whom, how long, and what ends it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tacit.adapters.argon2_passwords import Argon2Passwords, Costs
from tacit.errors import NotFound, Refused, Unauthenticated
from tacit.security.principals import ROLES, Principal
from tacit.security.sessions import GRACE_MS
from tacit.security.sign_ins import Client
from tests.job_books import Clock
from tests.people import ANOTHER, CAFE, CHEAP, HOME, PASSWORD, House

DAY = 86_400.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def house(tmp_path: Path, clock: Clock) -> House:
    return House(tmp_path, clock)


def refused(house: House, token: str) -> str:
    """Why an access token does not hold."""
    with pytest.raises(Unauthenticated) as error:
        house.checker.principal(token)
    return error.value.code


def test_who_signs_in_asks_as_their_account_with_what_their_role_may(house: House) -> None:
    account = house.account("ann", role="operator", user_id="u1")
    given = house.sign_ins.tokens(" Ann ", PASSWORD, HOME)

    expected = Principal("account", f"account:{account.account_id[:8]}", ROLES["operator"], "u1")
    assert house.checker.principal(given.access) == expected
    assert (given.access_seconds, given.refresh_seconds) == (600, 14 * 86_400)
    assert PASSWORD not in repr(house.audit.entries()) + repr(house.accounts.accounts())


@pytest.mark.parametrize(
    ("login", "password"),
    [
        ("ann", ANOTHER),
        ("ann", ""),
        ("ann", "x" * 2_000),
        ("ann", "half \ud800 of a pair"),
        ("nobody", PASSWORD),
        ("' OR 1=1 --", PASSWORD),
        ("a\0b", PASSWORD),
        ("\udc80" * 500, PASSWORD),
        ("off", PASSWORD),
        ("elsewhere", PASSWORD),
    ],
)
def test_every_wrong_sign_in_hears_the_same(house: House, login: str, password: str) -> None:
    house.account("ann")
    house.account("off", role="reader")
    house.desk.disable("off", actor="root")
    other = house.account("elsewhere", role="reader")
    house.accounts.put(type(other)(**{**vars(other), "password_hash": None}))

    with pytest.raises(Unauthenticated) as error:
        house.sign_ins.tokens(login, password, HOME)

    said = "This login and this password do not belong together."
    assert (error.value.code, error.value.detail, error.value.field) == ("credentials_invalid", said, None)
    [entry] = house.acts("sign_in_refused")
    assert entry.actor == "anonymous"
    assert PASSWORD not in repr(entry)


@pytest.mark.requirement("SEC-028")
def test_an_access_token_is_over_within_fifteen_minutes(house: House, clock: Clock) -> None:
    house.account()
    access = house.sign_ins.tokens("ann", PASSWORD, HOME).access
    clock.pass_by(seconds=599)
    assert house.checker.principal(access) is not None

    clock.pass_by(seconds=31 + 1)

    assert refused(house, access) == "token_invalid"


def test_a_refresh_token_is_replaced_by_another_and_only_digests_are_kept(house: House, clock: Clock) -> None:
    house.account()
    first = house.sign_ins.tokens("ann", PASSWORD, HOME)
    clock.pass_by(days=13)
    second = house.sign_ins.refreshed(first.refresh, HOME)
    clock.pass_by(days=13)
    third = house.sign_ins.refreshed(second.refresh, HOME)

    assert len({first.refresh, second.refresh, third.refresh}) == 3
    assert house.checker.principal(third.access) is not None
    assert not any(given.refresh in repr(vars(house.sessions)) for given in (first, second, third))


@pytest.mark.parametrize("days", [14.1, 91])
def test_a_refresh_token_unused_for_long_is_worth_nothing(house: House, clock: Clock, days: float) -> None:
    house.account()
    given = house.sign_ins.tokens("ann", PASSWORD, HOME)
    while days > 15:  # used all the time, for longer than a sign-in lasts
        clock.pass_by(days=13)
        days -= 13
        given = house.sign_ins.refreshed(given.refresh, HOME)
    clock.pass_by(days=days)

    with pytest.raises(Unauthenticated):
        house.sign_ins.refreshed(given.refresh, HOME)


def test_one_who_asks_again_at_once_is_told_the_same(house: House, clock: Clock) -> None:
    house.account()
    first = house.sign_ins.tokens("ann", PASSWORD, HOME)
    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(lambda _: house.sign_ins.refreshed(first.refresh, HOME).refresh, range(8)))
    clock.pass_by(seconds=GRACE_MS / 1_000)
    again = house.sign_ins.refreshed(first.refresh, HOME)

    assert {*given} == {again.refresh}
    assert house.checker.principal(house.sign_ins.refreshed(again.refresh, HOME).access) is not None


@pytest.mark.parametrize("theft", ["too late", "another client", "after the next"])
def test_a_token_shown_twice_ends_all_that_came_of_it(house: House, clock: Clock, theft: str) -> None:
    account = house.account()
    first = house.sign_ins.tokens("ann", PASSWORD, HOME)
    other = house.sign_ins.tokens("ann", PASSWORD, HOME)
    second = house.sign_ins.refreshed(first.refresh, HOME)
    if theft == "too late":
        clock.pass_by(seconds=2.1)
    if theft == "after the next":
        second = house.sign_ins.refreshed(second.refresh, HOME)

    with pytest.raises(Unauthenticated) as error:
        house.sign_ins.refreshed(first.refresh, CAFE if theft == "another client" else HOME)

    assert error.value.code == "token_invalid"
    assert refused(house, first.access) == refused(house, second.access) == "token_invalid"
    with pytest.raises(Unauthenticated):
        house.sign_ins.refreshed(second.refresh, HOME)
    assert house.checker.principal(other.access) is not None
    [entry] = house.acts("refresh_token_reused")
    assert entry.subject == account.name
    assert house.told.count("refresh_reused") == 1


@pytest.mark.parametrize(
    "token", ["", "tacit_refresh_", "tacit_refresh_" + "A" * 43, "eyJ.eyJ.x", "\ud800", "x" * 10**5]
)
def test_what_is_no_refresh_token_of_ours_is_refused_and_ends_nothing(house: House, token: str) -> None:
    house.account()
    given = house.sign_ins.tokens("ann", PASSWORD, HOME)

    with pytest.raises(Unauthenticated):
        house.sign_ins.refreshed(token, HOME)
    house.sign_ins.revoke(token, everywhere=True)

    assert house.checker.principal(given.access) is not None


def test_signing_out_ends_one_sign_in_or_all(house: House) -> None:
    house.account()
    one, two, three = (house.sign_ins.tokens("ann", PASSWORD, HOME) for _ in range(3))
    house.sign_ins.revoke(one.refresh)
    assert refused(house, one.access) == "token_invalid"
    assert house.checker.principal(two.access) is not None

    house.sign_ins.revoke(two.refresh, everywhere=True)

    assert refused(house, two.access) == refused(house, three.access) == "token_invalid"


@pytest.mark.parametrize("act", ["disable", "set_role", "set_password", "end_sign_ins"])
def test_what_is_taken_from_an_account_ends_its_sign_ins_here_and_elsewhere(house: House, act: str) -> None:
    house.account("root")
    account = house.account("ann", role="operator")
    elsewhere = House(house.folder, house.clock, house.accounts, house.sessions)
    given, browser = house.sign_ins.tokens("ann", PASSWORD, HOME), house.sign_ins.cookie("ann", PASSWORD, HOME)
    more = {"set_role": ("reader",), "set_password": (ANOTHER,)}.get(act, ())
    assert elsewhere.checker.principal(given.access) is not None

    getattr(house.desk, act)(account.login, *more, actor="root")
    elsewhere.revocations.look()

    assert refused(house, given.access) == refused(elsewhere, given.access) == "token_invalid"
    assert elsewhere.sign_ins.session_of(browser.value) is None
    with pytest.raises(Unauthenticated):
        elsewhere.sign_ins.refreshed(given.refresh, HOME)


def test_the_last_admin_stays_one(house: House) -> None:
    house.account("root")
    house.account("ann", role="operator")

    for act in (
        lambda: house.desk.disable("root", actor="x"),
        lambda: house.desk.set_role("root", "reader", actor="x"),
    ):
        with pytest.raises(Refused, match="last account"):
            act()
    with pytest.raises(NotFound):
        house.desk.disable("nobody", actor="x")

    house.desk.set_role("ann", "admin", actor="x")
    assert house.desk.disable("root", actor="x").is_disabled


def test_a_browser_session_ends_unused_after_half_an_hour_and_used_after_twelve(house: House, clock: Clock) -> None:
    house.account()
    cookie = house.sign_ins.cookie("ann", PASSWORD, HOME)
    idle = house.sign_ins.cookie("ann", PASSWORD, HOME)
    for _ in range(25):  # 12 hours less a minute
        clock.pass_by(seconds=28.76 * 60)
        assert house.sign_ins.session_of(cookie.value) is not None

    assert house.sign_ins.session_of(idle.value) is None
    clock.pass_by(seconds=120)

    assert house.sign_ins.session_of(cookie.value) is None


def test_only_the_whole_cookie_of_a_session_is_one(house: House) -> None:
    house.account()
    value = house.sign_ins.cookie("ann", PASSWORD, HOME).value
    family = house.sign_ins.tokens("ann", PASSWORD, HOME).refresh
    name, _, secret = value.partition(".")

    for wrong in (
        "",
        ".",
        name,
        f"{name}.",
        f".{secret}",
        f"{name}.{secret[:-1]}",
        f"{name}.{secret}x",
        family,
        "\0.x",
    ):
        assert house.sign_ins.session_of(wrong) is None
    assert house.sign_ins.session_of(value) is not None


def test_a_hash_of_cheaper_costs_is_made_anew_when_its_owner_signs_in(house: House) -> None:
    house.account()
    dearer = Argon2Passwords(Costs(memory_kib=CHEAP.memory_kib * 2, passes=1))
    now = House(house.folder, house.clock, house.accounts, house.sessions, hasher=dearer)

    now.sign_ins.cookie("ann", PASSWORD, HOME)

    [account] = house.accounts.accounts()
    assert account.password_hash is not None
    assert not dearer.is_outdated(account.password_hash)
    now.sign_ins.cookie("ann", PASSWORD, Client("third", "third"))
