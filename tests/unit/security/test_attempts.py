"""How often somebody may be wrong about a password, whoever and wherever they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.adapters.memory_accounts import MemoryAttemptStore
from tacit.errors import Limited, TacitError, Unauthenticated, Unavailable
from tacit.security.attempts import OF_A_PLACE, OF_AN_ACCOUNT, OF_BOTH, AttemptRules, Attempts
from tacit.security.sign_ins import Client
from tests.job_books import Clock
from tests.people import ANOTHER, CAFE, HOME, PASSWORD, House

HOUR_MS = 3_600_000


class Plain:
    """A `PasswordHasher` that costs nothing, for many guesses."""

    guesses = 0

    def hashed(self, password: str) -> str:
        return f"plain:{password}"

    def matches(self, kept: str | None, password: str) -> bool:
        self.guesses += 1
        return kept == f"plain:{password}"

    def is_outdated(self, kept: str) -> bool:
        return False


class Busy(Plain):
    """One that has no time."""

    def matches(self, kept: str | None, password: str) -> bool:
        raise Unavailable("sign_in_busy", "Too many sign in.")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def house(tmp_path: Path, clock: Clock) -> House:
    found = House(tmp_path, clock, hasher=Plain())
    found.account()
    return found


def guess(house: House, client: Client = CAFE, *, login: str = "ann", password: str = ANOTHER) -> TacitError | None:
    try:
        house.sign_ins.cookie(login, password, client)
    except (Unauthenticated, Limited, Unavailable) as error:
        return error
    return None


def codes(errors: Sequence[TacitError | None]) -> list[str]:
    return ["" if error is None else error.code for error in errors]


@pytest.mark.requirement("SEC-029")
@pytest.mark.parametrize("login", ["ann", "nobody"])
def test_after_five_wrong_ones_the_next_waits_and_each_longer(house: House, clock: Clock, login: str) -> None:
    assert codes([guess(house, login=login) for _ in range(6)]) == ["credentials_invalid"] * 5 + ["sign_in_slowed"]
    waits = []
    for _ in range(6):
        limited = guess(house, login=login)
        assert isinstance(limited, Limited)
        waits.append(limited.retry_after)
        clock.pass_by(seconds=limited.retry_after)
        assert codes([guess(house, login=login)]) == ["credentials_invalid"]

    assert waits == [120, 240, 480, 960, 1_800, 1_800]
    assert [entry.action for entry in house.acts("sign_ins_slowed")] == ["sign_ins_slowed"]


@pytest.mark.requirement("SEC-029")
@pytest.mark.parametrize(("before", "after"), [(" ", ""), ("", "\t"), ("\u2003", "\u2003")])
def test_no_way_to_write_a_login_gives_its_account_further_guesses(house: House, before: str, after: str) -> None:
    written = [before * at + "AnN" + after * at for at in (0, 1, 128, 252, 253, 254, 255, 256, 300)]
    tried = codes([guess(house, Client(f"place {login!r}", "x"), login=login) for login in written])

    assert tried == ["credentials_invalid"] * 5 + ["sign_in_slowed"] * 4


@pytest.mark.requirement("SEC-029")
def test_the_right_password_is_refused_while_its_account_waits_and_counts_once_it_may(
    house: House, clock: Clock
) -> None:
    for _ in range(5):
        guess(house)
    assert codes([guess(house, password=PASSWORD)]) == ["sign_in_slowed"]

    clock.pass_by(seconds=120)

    assert guess(house, password=PASSWORD) is None
    assert codes([guess(house, Client("third", "x")) for _ in range(5)]) == ["credentials_invalid"] * 5


@pytest.mark.parametrize("places", [1, 100, 1_000])
def test_ten_thousand_attempts_in_an_hour_are_ten_guesses_and_the_owner_gets_in(
    house: House, clock: Clock, places: int
) -> None:
    assert guess(house, HOME, password=PASSWORD) is None
    before = house.hasher.guesses  # type: ignore[attr-defined]
    for at in range(10_000):
        guess(house, Client(f"attacker {at % places}", "x"))
        clock.at_ms += HOUR_MS // 10_000
        if at == 5_000:
            assert guess(house, HOME, password=PASSWORD) is None

    assert house.hasher.guesses - before - 1 <= 10  # type: ignore[attr-defined]
    assert guess(house, HOME, password=PASSWORD) is None


def test_one_place_that_tries_many_accounts_is_slowed_and_no_other_place(house: House) -> None:
    tried = codes([guess(house, login=f"user{at}") for at in range(25)])

    assert tried == ["credentials_invalid"] * 20 + ["sign_in_slowed"] * 5
    assert codes([guess(house, Client("elsewhere", "x"), login="user3")]) == ["credentials_invalid"]


def test_a_thousand_guesses_at_once_are_no_more_than_five(house: House) -> None:
    with ThreadPoolExecutor(16) as pool:
        tried = codes(list(pool.map(lambda at: guess(house, Client(f"place {at}", "x")), range(200))))

    assert (tried.count("credentials_invalid"), tried.count("sign_in_slowed")) == (5, 195)


def test_what_could_not_be_judged_is_not_counted(tmp_path: Path, clock: Clock) -> None:
    house = House(tmp_path, clock, hasher=Busy())
    house.account()

    assert codes([guess(house) for _ in range(30)]) == ["sign_in_busy"] * 30
    assert house.tallies._tallies == {}  # type: ignore[attr-defined]


@pytest.mark.parametrize("rules", [OF_AN_ACCOUNT, OF_A_PLACE, OF_BOTH])
@given(pauses=st.lists(st.integers(0, 2 * HOUR_MS), max_size=60))
def test_nobody_ever_waits_longer_than_half_an_hour(rules: AttemptRules, pauses: list[int]) -> None:
    attempts, now, waits = Attempts(MemoryAttemptStore()), 1_767_355_200_000, list[float]()
    for pause in pauses:
        now += pause
        try:
            attempts.take({"key": rules}, now)
        except Limited as limited:
            waits.append(limited.retry_after * 1_000)
            attempts.take({"key": rules}, now + rules.longest_ms)  # would raise again if that were not enough
            now += rules.longest_ms

    assert max(waits, default=0) <= rules.longest_ms <= HOUR_MS / 2


@given(act=st.data())
def test_in_no_hour_are_there_more_than_ten_guesses(act: st.DataObject) -> None:
    attempts, now, taken = Attempts(MemoryAttemptStore()), 1_767_355_200_000, list[int]()
    wait: Callable[[], int] = lambda: act.draw(st.sampled_from([0, 1_000, 60_000, 120_000, 600_000, HOUR_MS]))  # noqa: E731
    for _ in range(40):
        now += wait()
        try:
            attempts.take({"key": OF_AN_ACCOUNT}, now)
        except Limited:
            continue
        taken.append(now)

    assert all(sum(start <= each < start + HOUR_MS for each in taken) <= 10 for start in taken)
