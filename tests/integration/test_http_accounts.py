"""Accounts over HTTP: tokens for programs, cookies for browsers, and who may look after accounts."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tacit.errors import Unauthenticated
from tacit.security.session_checker import COOKIE
from tests.people import ANOTHER, HOME, PASSWORD, House
from tests.signed_in import Door, people_door, real_clock


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    folder = tmp_path_factory.mktemp("home")
    house = House(folder, real_clock)
    house.account("root")
    house.account("ann", role="operator")
    with people_door(folder, house) as door:
        yield door


@pytest.fixture
def door(running: Door) -> Iterator[Door]:
    """The door, to which nobody has been yet."""
    running.house.tallies.forget(2**62)
    running.client.cookies.clear()
    yield running
    running.client.cookies.clear()


def admin(door: Door) -> dict[str, str]:
    return {"Authorization": f"Bearer {door.tokens('root', PASSWORD)['access_token']}"}


@pytest.mark.requirement("SEC-013")
def test_a_program_signs_in_asks_refreshes_and_signs_out(door: Door) -> None:
    first = door.asked("auth/token", {"login": "root", "password": PASSWORD})
    given = first.json()
    assert (first.status_code, given["token_type"], given["expires_in"]) == (200, "Bearer", 600)
    assert first.headers["Cache-Control"] == "no-store"
    asked = door.client.get("/api/v1/accounts", headers={"Authorization": f"Bearer {given['access_token']}"})
    assert [each["login"] for each in asked.json()["accounts"]][-2:] == ["ann", "root"]

    again = door.asked("auth/refresh", {"refresh_token": given["refresh_token"]}).json()
    assert door.asked("auth/revoke", {"refresh_token": again["refresh_token"]}).json() == {"revoked": True}

    for token in (given["access_token"], again["access_token"]):
        refused = door.client.get("/api/v1/accounts", headers={"Authorization": f"Bearer {token}"})
        assert (refused.status_code, refused.json()["code"]) == (401, "token_invalid")
    assert door.asked("auth/refresh", {"refresh_token": again["refresh_token"]}).status_code == 401


def test_every_wrong_sign_in_has_the_same_status_and_body(door: Door) -> None:
    tries = [("ann", ANOTHER), ("nobody", ANOTHER), ("' OR 1=1 --", "x"), ("ann", "x" * 2_000)]
    answers = [door.asked("auth/token", {"login": login, "password": given}) for login, given in tries]

    bodies = [{**answer.json(), "request_id": ""} for answer in answers]
    assert {answer.status_code for answer in answers} == {401}
    assert bodies == [bodies[0]] * len(tries)


@pytest.mark.requirement("SEC-029")
def test_the_sixth_wrong_attempt_is_told_when_to_come_again(door: Door) -> None:
    answers = [door.asked("auth/token", {"login": "ghost", "password": ANOTHER}) for _ in range(6)]

    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert (answers[-1].json()["code"], answers[-1].headers["Retry-After"]) == ("sign_in_slowed", "120")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"login": "ann"}, "field_missing"),
        ({"login": "ann", "password": 7}, "type"),
        ({"login": "ann", "password": "x", "more": 1}, "field_unknown"),
        (["ann", "x"], "type"),
    ],
)
def test_a_body_of_another_form_is_told_what_is_wrong(door: Door, body: object, code: str) -> None:
    answer = door.asked("auth/token", body)

    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_an_account_is_made_changed_and_disabled_by_an_admin(door: Door) -> None:
    head = admin(door)
    made = door.asked(
        "accounts", {"login": "Eve@x.org", "password": PASSWORD, "role": "reader", "user_id": "u1"}, **head
    )
    assert made.status_code == 201
    assert {**made.json(), "account_id": "", "created_at_ms": 0} == {
        "account_id": "", "login": "eve@x.org", "role": "reader", "is_disabled": False, "user_id": "u1",
        "signs_in": "password", "created_at_ms": 0,
    }  # fmt: skip
    tokens = door.tokens("eve@x.org", PASSWORD)
    assert door.asked("accounts/eve%40x.org", {"role": "writer"}, "PATCH", **head).json()["role"] == "writer"
    assert door.asked("auth/refresh", {"refresh_token": tokens["refresh_token"]}).status_code == 401

    assert (
        door.asked(f"accounts/{made.json()['account_id']}", {"is_disabled": True}, "PATCH", **head).status_code == 200
    )
    refused = door.asked("auth/token", {"login": "eve@x.org", "password": PASSWORD})
    assert refused.status_code == 401
    assert door.asked("accounts/eve@x.org/revoke", None, **head).json() == {"sign_ins_ended": 0}
    told = [(each.action, each.actor) for each in door.house.acts("account_created", "account_disabled")][-2:]
    root = door.house.desk.found("root").name
    assert told == [("account_created", root), ("account_disabled", root)]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "accounts", {"login": "ann", "password": PASSWORD, "role": "reader"}, 409, "login_taken"),
        ("POST", "accounts", {"login": "a b", "password": PASSWORD, "role": "reader"}, 422, "login_invalid"),
        ("POST", "accounts", {"login": "new", "password": "password1234", "role": "reader"}, 422, "password_common"),
        ("POST", "accounts", {"login": "new", "password": PASSWORD, "role": "king"}, 422, "role_unknown"),
        ("PATCH", "accounts/nobody", {"role": "reader"}, 404, "account_unknown"),
        ("PATCH", "accounts/root", {"role": "reader"}, 409, "last_admin"),
        ("PATCH", "accounts/ann", {"role": "reader", "is_disabled": True}, 422, "fields_conflict"),
        ("PATCH", "accounts/ann", {}, 422, "fields_conflict"),
        ("PATCH", "accounts/ann", {"is_disabled": "yes"}, 422, "type"),
    ],
)
def test_what_cannot_be_done_to_an_account_is_said(
    door: Door, method: str, path: str, body: object, status: int, code: str
) -> None:
    answer = door.asked(path, body, method, **admin(door))

    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_only_who_may_looks_after_accounts(door: Door) -> None:
    nobody = door.client.get("/api/v1/accounts")
    operator = door.client.get(
        "/api/v1/accounts", headers={"Authorization": f"Bearer {door.tokens('ann', PASSWORD)['access_token']}"}
    )

    assert (nobody.status_code, nobody.json()["code"]) == (401, "credentials_missing")
    assert (operator.status_code, operator.json()["code"]) == (403, "scope_missing")


def test_a_browser_that_signs_in_is_given_another_session_than_it_had(door: Door) -> None:
    planted = door.form("/signin", login="ann", password=PASSWORD).cookies[COOKIE]
    door.client.cookies.set(COOKIE, planted, domain="127.0.0.1")
    answer = door.form("/signin", login="ann", password=PASSWORD, next="/account")

    cookie = answer.headers["set-cookie"]
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    assert re.search(r"^__Host-tacit=[^;]+; HttpOnly; Max-Age=43200; Path=/; SameSite=lax; Secure$", cookie), cookie
    assert answer.cookies[COOKIE] != planted
    assert door.house.sign_ins.session_of(planted) is None
    assert door.house.sign_ins.session_of(answer.cookies[COOKIE]) is not None


def test_pages_say_who_one_is_and_end_what_one_ends(door: Door) -> None:
    door.house.sign_ins.end_all(door.house.desk.found("ann").account_id)
    other = door.tokens("ann", PASSWORD)
    door.form("/signin", login="ann", password=PASSWORD)
    page = door.client.get("/account")
    assert (page.status_code, page.text.count("End it"), ">ann</h1>" in page.text) == (200, 2, True)
    assert page.headers["Cache-Control"] == "no-store"

    wrong = door.form("/account/password", current=ANOTHER, password=ANOTHER)
    assert (wrong.status_code, "do not belong together" in wrong.text) == (401, True)
    changed = door.form("/account/password", current=PASSWORD, password=ANOTHER)
    assert changed.status_code == 303
    with pytest.raises(Unauthenticated):
        door.house.sign_ins.refreshed(other["refresh_token"], HOME)
    assert door.client.get("/account").status_code == 200
    door.form("/account/password", current=ANOTHER, password=PASSWORD)

    assert door.form("/account/sign-ins", sign_in="all").status_code == 303
    assert door.client.get("/account").headers["location"] == "/signin?next=/account"
    door.form("/signin", login="ann", password=PASSWORD)
    gone = door.form("/signout")
    assert (gone.status_code, door.client.get("/account").status_code) == (303, 303)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1"},
        {},
    ],
)
@pytest.mark.parametrize("path", ["/signin", "/signout", "/account/password", "/api/v1/accounts/ann/revoke"])
def test_what_another_page_has_a_browser_send_changes_nothing(door: Door, path: str, headers: dict[str, str]) -> None:
    door.form("/signin", login="root", password=PASSWORD)
    before = len(door.house.acts())
    answer = door.client.post(path, data={"login": "root", "password": PASSWORD}, headers=headers)

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    assert len(door.house.acts()) == before
    assert door.client.get("/account").status_code == 200


@pytest.mark.parametrize(
    ("following", "leads"),
    [
        ("/listener?id=l1", "/listener?id=l1"),
        ("//evil.example", "/account"),
        ("/\\evil.example", "/account"),
        ("https://evil.example/", "/account"),
        ("javascript:alert(1)", "/account"),
        ("/a\r\nSet-Cookie: x=y", "/account"),
        ("account", "/account"),
        ("", "/account"),
    ],
)
def test_signing_in_leads_nowhere_else(door: Door, following: str, leads: str) -> None:
    answer = door.form("/signin", login="ann", password=PASSWORD, next=following)

    assert answer.headers["location"] == leads


def test_the_page_to_sign_in_escapes_what_was_typed_and_allows_nothing_inline(door: Door) -> None:
    answer = door.form("/signin", login='"><script>alert(1)</script>', password="x")

    assert answer.status_code == 401
    assert "<script>alert" not in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert {"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "form-action 'self'"} <= {
        each.strip() for each in policy.split(";")
    }
    assert [answer.headers[name] for name in ("X-Content-Type-Options", "Referrer-Policy")] == [
        "nosniff",
        "same-origin",
    ]
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"


def test_a_form_too_large_or_of_another_kind_is_refused(door: Door) -> None:
    assert door.form("/signin", login="x" * 20_000, password="x").status_code == 413
    own = {"Origin": str(door.client.base_url)}
    assert door.client.post("/signin", json={"login": "ann"}, headers=own).status_code == 415
    assert (
        door.client.post("/signin", content=b"%ff=\xff", headers={**own, "Content-Type": "text/plain"}).status_code
        == 415
    )
