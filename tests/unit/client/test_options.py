"""When a request is tried again, after how long, and how often in all."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.client import AsyncTacitClient, DeliveryRules, RetryRules, TacitClient, requests
from tacit.client.answers import Reply
from tacit.client.exchange import Tries
from tacit.client.options import RetryAllowance
from tacit.errors import BadInput, Misconfigured, NotFound, TacitError, Unavailable

AWAY = Unavailable("connection_failed", "Away.")
ITEM = requests.item("i1")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def tries(
    rules: RetryRules | None = None, allowance: RetryAllowance | None = None, clock: Clock | None = None
) -> Tries:
    return Tries(rules or RetryRules(), allowance or RetryAllowance(0.2), clock=clock or Clock())


@given(failures=st.integers(1, 10_000), drawn=st.floats(0, 1, exclude_max=True), asked=st.none() | st.floats(0, 300))
def test_a_wait_is_drawn_below_its_limit_and_never_below_what_was_asked(
    failures: int, drawn: float, asked: float | None
) -> None:
    rules = RetryRules(base_seconds=0.1, longest_seconds=5)
    wait = rules.wait_after(failures, asked=asked, random=lambda: drawn)

    assert (asked or 0.0) <= wait <= (5 if asked is None else asked + 0.1)


def test_a_request_is_tried_as_often_as_its_rules_say() -> None:
    made = tries(RetryRules(tries=3))
    made.wait_after(AWAY, None)
    made.wait_after(AWAY, Reply(503, b""))
    with pytest.raises(Unavailable) as last:
        made.wait_after(AWAY, None)

    assert last.value is AWAY


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 500])
def test_what_the_platform_refused_is_never_tried_again(status: int) -> None:
    with pytest.raises(TacitError, match="No"):
        tries().wait_after(BadInput("wrong", "No."), Reply(status, b""))


@pytest.mark.parametrize("status", [429, 502, 503, 504, 507])
def test_what_the_platform_could_not_do_now_is_tried_again(status: int) -> None:
    assert tries().wait_after(AWAY, Reply(status, b"", "2")) >= 2


def test_there_is_no_waiting_beyond_the_budget() -> None:
    clock = Clock()
    made = tries(RetryRules(budget_seconds=5), clock=clock)
    made.wait_after(AWAY, Reply(503, b"", "2"))
    clock.now = 4
    with pytest.raises(Unavailable):
        made.wait_after(AWAY, Reply(503, b"", "2"))


def test_when_everything_fails_few_are_tried_again() -> None:
    allowance, retried = RetryAllowance(0.2), 0
    for _ in range(1_000):
        made = tries(allowance=allowance)
        try:
            while True:
                made.wait_after(AWAY, None)
                retried += 1
        except Unavailable:
            continue

    assert 200 <= retried <= 220


def test_a_removal_that_is_found_done_after_a_lost_answer_is_done() -> None:
    question, gone = requests.delete_item("i1"), Reply(404, b'{"code": "item_unknown"}')
    first, again = tries(), tries()
    again.wait_after(AWAY, None)
    with pytest.raises(NotFound):
        first.value(question, gone)

    assert again.value(question, gone) is None


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: DeliveryRules(batch=501), "batch"),
        (lambda: DeliveryRules(batch=0), "batch"),
        (lambda: DeliveryRules(capacity=0), "capacity"),
        (lambda: DeliveryRules(linger_seconds=float("nan")), "linger_seconds"),
        (lambda: RetryRules(tries=0), "tries"),
        (lambda: RetryRules(base_seconds=-1), "base_seconds"),
        (lambda: TacitClient("platform:8000"), "address"),
        (lambda: TacitClient("http://"), "address"),
        (lambda: TacitClient("ftp://platform"), "address"),
        (lambda: TacitClient("http://[::1"), "address"),
        (lambda: TacitClient("http://platform", timeout=0), "timeout"),
        (lambda: TacitClient("http://platform", api_key=""), "api_key"),
        (lambda: TacitClient("http://platform", api_key="tacit_live_x\n"), "api_key"),
    ],
)
def test_a_bad_option_is_named(make: Any, field: str) -> None:
    with pytest.raises(Misconfigured, match=r".+") as refused:
        make()

    assert (refused.value.code, refused.value.field) == ("option_invalid", field)


@pytest.mark.parametrize(
    ("item_id", "path"),
    [
        ("a/b", "/api/v1/items/a%2Fb"),
        ("..", "/api/v1/items/%2E%2E"),
        (".", "/api/v1/items/%2E"),
        ("50% ü?#", "/api/v1/items/50%25%20%C3%BC%3F%23"),
    ],
)
def test_an_id_stays_one_step_of_the_address(item_id: str, path: str) -> None:
    assert requests.item(item_id).path == path


@pytest.mark.parametrize("item_id", ["", None, 7, "\ud800"])
def test_an_id_that_is_none_is_refused_before_it_is_sent(item_id: Any) -> None:
    with pytest.raises(BadInput, match="item_id"):
        requests.item(item_id)


def test_both_clients_offer_the_same() -> None:
    def offered(client: type) -> dict[str, list[str]]:
        own = {name: value for name, value in vars(client).items() if not name.startswith("_")}
        return {
            name: [str(each) for each in inspect.signature(value).parameters.values()] for name, value in own.items()
        }

    assert offered(TacitClient) == offered(AsyncTacitClient)
