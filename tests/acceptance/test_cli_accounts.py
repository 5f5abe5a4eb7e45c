"""Accounts at the shell, and what servers on the same home make of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import pytest

from tacit.adapters.memory import MemoryMetricSink
from tacit.bootstrap import App, build, load_settings
from tacit.bootstrap.accounts import following_revocations
from tacit.errors import TacitError, Unauthenticated
from tacit.monitoring.metrics import SIGN_INS
from tests.people import ANOTHER, CAFE, HOME, PASSWORD
from tests.shells import Ran, within
from tests.stages import wait_until


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with an admin."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "password").write_text(f"{PASSWORD}\nsomething else\n")
    ran = within("accounts", "create", "Ann", "--role", "admin", "--password-file", folder / "password", home=folder)
    assert ran.code == 0, ran.err
    return folder


@pytest.fixture
def servers(home: Path) -> Iterator[list[App]]:
    """Two processes' worth of platform on the home, following what is revoked."""
    in_force = load_settings(flags={"home": home}, environ={})
    with ExitStack() as stack:
        opened = [stack.enter_context(build(in_force)) for _ in range(2)]
        for app in opened:
            stack.enter_context(following_revocations(app.people, every_seconds=0.1))
        yield opened


def accounts(*arguments: str | Path, home: Path) -> Ran:
    return within("accounts", *arguments, "--json", home=home)


def test_an_account_is_made_changed_and_listed_without_its_password(home: Path) -> None:
    made = accounts("create", "bob", "--user", "u1", "--password-file", home / "password", home=home)
    assert (made.code, made.answer["role"], made.answer["user_id"]) == (0, "reader", "u1")
    for act in (("set-role", "bob", "operator"), ("disable", "bob"), ("enable", "bob"), ("revoke", "bob")):
        assert accounts(*act, home=home).code == 0
    (home / "other").write_text(ANOTHER)
    assert accounts("set-password", "bob", "--password-file", home / "other", home=home).code == 0

    listed = accounts("list", home=home)

    assert [(each["login"], each["role"]) for each in listed.answer["accounts"]] == [
        ("ann", "admin"),
        ("bob", "operator"),
    ]
    trail = within("audit", "--json", home=home)
    acts = [entry["action"] for entry in trail.answer][:6]
    assert acts == [
        "account_password_set", "sign_ins_revoked", "account_enabled", "account_disabled", "account_role_set",
        "account_created",
    ]  # fmt: skip
    assert not any(secret in listed.out + trail.out + made.out for secret in (PASSWORD, ANOTHER, "argon2"))


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("create", "ann", "--password-file", "password"), "login_taken"),
        (("create", "eve", "--password-file", "weak"), "password_common"),
        (("create", "eve", "--password-file", "absent"), "password_unreadable"),
        (("create", "eve", "--role", "king", "--password-file", "password"), "role_unknown"),
        (("disable", "ann"), "last_admin"),
        (("set-role", "nobody", "reader"), "account_unknown"),
    ],
)
def test_what_cannot_be_done_is_said(home: Path, arguments: tuple[str, ...], code: str) -> None:
    (home / "weak").write_text("password1234\n")
    given = [home / each if each in ("password", "weak", "absent") else each for each in arguments]
    ran = accounts(*given, home=home)

    assert ran.code != 0
    assert ran.answer["error"]["code"] == code


def test_what_is_ended_at_the_shell_is_refused_by_every_server_within_five_seconds(
    home: Path, servers: list[App]
) -> None:
    one, two = (app.people for app in servers)
    given = one.sign_ins.tokens("ann", PASSWORD, HOME)
    cookie = two.sign_ins.cookie("ann", PASSWORD, HOME)
    assert [each.token_checker.principal(given.access) is not None for each in (one, two)] == [True, True]
    assert two.session_checker.from_cookie(f"a=b; __Host-tacit={cookie.value}") is not None

    assert accounts("revoke", "ann", home=home).answer == {"sign_ins_ended": 2}
    started = time.monotonic()
    for people in (one, two):
        wait_until(lambda people=people: _is_refused(people, given.access))  # type: ignore[misc]
    assert two.session_checker.from_cookie(f"__Host-tacit={cookie.value}") is None
    assert time.monotonic() - started < 5


def _is_refused(people: object, token: str) -> bool:
    try:
        people.token_checker.principal(token)  # type: ignore[attr-defined]
    except Unauthenticated:
        return True
    return False


def test_attempts_are_counted_over_all_servers_and_each_end_is_measured(servers: list[App]) -> None:
    metrics = MemoryMetricSink()
    doors = [app.people.counted(metrics) for app in servers]
    codes = []
    for at in range(7):
        with pytest.raises(TacitError) as refused:
            doors[at % 2].tokens("nobody@example.org", ANOTHER, CAFE)
        codes.append(refused.value.code)

    assert codes == ["credentials_invalid"] * 5 + ["sign_in_slowed"] * 2
    counted = {result: metrics.value(SIGN_INS, result=result) for result in ("refused", "slowed", "signed_in")}
    assert counted == {"refused": 5, "slowed": 2, "signed_in": 0}
    assert "nobody@example.org" not in repr(servers[0].audit.entries())


def test_a_rotated_key_is_known_to_every_server_and_no_token_is_refused(home: Path, servers: list[App]) -> None:
    here, there = (app.people for app in servers)
    before = here.sign_ins.tokens("ann", PASSWORD, HOME)
    refused = accounts("rotate-token-key", home=home)
    assert refused.answer["error"]["code"] == "key_rotated_lately"

    dropped = accounts("rotate-token-key", "--drop-old", home=home)
    wait_until(lambda: _is_refused(there, before.access))
    after = here.sign_ins.refreshed(before.refresh, HOME)

    assert len(dropped.answer["keys"]) == 1
    assert there.token_checker.principal(after.access) is not None


@pytest.mark.slow
def test_known_and_unknown_accounts_take_as_long_to_be_refused(servers: list[App]) -> None:
    people = servers[0].people
    times: dict[str, list[float]] = {"ann": [], "nobody": []}
    for _ in range(500):
        for login, taken in times.items():
            people.sign_ins.attempts.store.forget(2**62)
            started = time.perf_counter()
            with pytest.raises(Unauthenticated):
                people.sign_ins.tokens(login, ANOTHER, CAFE)
            taken.append(time.perf_counter() - started)

    known, unknown = (median(taken) for taken in times.values())
    print(f"known {known * 1_000:.1f} ms, unknown {unknown * 1_000:.1f} ms")
    assert abs(known - unknown) <= 0.010
