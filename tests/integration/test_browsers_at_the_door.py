"""Browsers at the door: what another site's page has them send, and the way in for whoever nobody knows."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import urlsplit

import pytest

from tacit.entrypoints.api.callers import Identified, Mode
from tacit.entrypoints.api.checkpoints import pass_at_once
from tacit.security.edges import CorsRules
from tacit.security.session_checker import COOKIE, SessionChecker
from tests.people import PASSWORD, House
from tests.signed_in import Door, people_door, real_clock

SHOP = "https://shop.example"
REVOKE = "/api/v1/accounts/ann/revoke"
BROWSER = {"Accept": "text/html,application/xhtml+xml"}


@pytest.fixture(scope="module")
def mode() -> list[Mode]:
    return ["required"]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, mode: list[Mode]) -> Iterator[Door]:
    folder = tmp_path_factory.mktemp("home")
    house = House(folder, real_clock)
    house.account("root")
    house.account("ann", role="operator")
    with people_door(folder, house, mode=lambda: mode[0], cors=CorsRules(frozenset({SHOP}))) as door:
        yield door


@pytest.fixture
def door(running: Door, mode: list[Mode]) -> Iterator[Door]:
    """The door, to which nobody has been yet, and at which everybody is asked."""
    running.client.cookies.clear()
    mode[0] = "required"
    yield running
    running.client.cookies.clear()


def revoked(door: Door, **headers: str) -> tuple[int, str, int]:
    """What becomes of a request that signs somebody out, which takes no body: its status, its code, and what it did."""
    before = len(door.house.acts("sign_ins_revoked"))
    answer = door.client.post(REVOKE, headers={name.replace("_", "-"): value for name, value in headers.items()})
    code = answer.json().get("code", "")
    return answer.status_code, code, len(door.house.acts("sign_ins_revoked")) - before


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site", "Origin": "https://evil.example"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec_Fetch_Site": "cross-site", "Authorization": "Basic YW5uOng="},
    ],
)
def test_where_nobody_is_asked_who_they_are_no_page_of_another_site_changes_anything(
    door: Door, mode: list[Mode], headers: dict[str, str]
) -> None:
    mode[0] = "open"

    assert revoked(door, **headers) == (403, "origin_foreign", 0)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Basic YW5uOng="},
        {"Sec_Fetch_Site": "same-origin", "Origin": "null"},
        {"Sec_Fetch_Site": "none"},
        {"Sec_Fetch_Site": "cross-site", "Origin": SHOP},
        {"Origin": SHOP},
    ],
)
def test_programs_our_own_pages_and_listed_origins_go_on_where_nobody_is_asked(
    door: Door, mode: list[Mode], headers: dict[str, str]
) -> None:
    mode[0] = "open"

    assert revoked(door, **headers) == (200, "", 1)


def test_a_token_needs_no_page_of_ours_and_a_cookie_needs_more_than_a_listed_origin(door: Door) -> None:
    token = door.tokens("root", PASSWORD)["access_token"]
    with_token = revoked(door, Sec_Fetch_Site="cross-site", Authorization=f"bearer {token}")
    door.form("/signin", login="root", password=PASSWORD)
    with_cookie = revoked(door, Sec_Fetch_Site="cross-site", Origin=SHOP)

    assert with_token == (200, "", 1)
    assert with_cookie == (403, "origin_foreign", 0)


def way_in(page: str) -> str:
    """Where the one button of a page leads."""
    [address] = [part.split('"')[0] for part in page.split('<a class="button" href="')[1:]]
    return unescape(address)


def test_an_ended_sign_in_leads_by_one_click_and_the_password_back_to_where_it_was_noticed(door: Door) -> None:
    wanted = "/alike/1?like=2"
    door.form("/signin", login="ann", password=PASSWORD)
    before = door.client.get(wanted)
    door.house.sign_ins.end_all(door.house.desk.found("ann").account_id)

    told = door.client.get(wanted)
    asking = door.client.get(way_in(told.text))
    following = unescape(asking.text.split('name="next" value="')[1].split('"')[0])
    back = door.form("/signin", login="ann", password=PASSWORD, next=following)

    assert (before.status_code, told.status_code, asking.status_code) == (503, 401, 200)  # there is no model yet
    assert ">Sign\N{NO-BREAK SPACE}in first</h1>" in told.text
    assert "Your sign-in is over" in told.text
    assert (back.status_code, back.headers["location"]) == (303, wanted)
    assert door.client.get(wanted).text == before.text != told.text


def test_a_cookie_that_did_not_hold_is_let_go_and_one_that_holds_is_kept(door: Door) -> None:
    cookie = door.form("/signin", login="ann", password=PASSWORD).cookies[COOKIE]
    with_key = door.client.get("/?api_key=tacit_live_x_y")
    door.client.cookies.clear()
    stale = door.client.get("/", headers={"Cookie": f"{COOKIE}=x{cookie}"})
    nobody = door.client.get("/")

    assert [each.status_code for each in (with_key, stale, nobody)] == [401] * 3
    assert {each.headers["www-authenticate"] for each in (with_key, stale, nobody)} == {"Bearer"}
    assert re.search(r"^__Host-tacit=\"\"; .*Max-Age=0; Path=/; .*Secure$", stale.headers["set-cookie"])
    assert ["set-cookie" in each.headers for each in (with_key, nobody)] == [False, False]
    assert way_in(with_key.text) == "/signin?next=/"  # and not once more with the key
    assert "This page is for people who are signed in." in nobody.text


def test_the_interface_s_page_leads_a_browser_to_the_sign_in_and_tells_a_program_what_to_send(door: Door) -> None:
    shown = door.client.get("/docs", headers=BROWSER)
    told = door.client.get("/docs")

    assert (shown.status_code, way_in(shown.text)) == (401, "/signin?next=/docs")
    assert (told.status_code, told.json()["code"]) == (401, "credentials_missing")
    door.form("/signin", login="ann", password=PASSWORD)
    assert door.client.get("/docs", headers=BROWSER).status_code == 200


@pytest.mark.parametrize("path", ["//evil.example/alike/1", "/alike/%5C?like=%0d%0aX", "/alike/1?like=" + "x" * 9_000])
def test_the_way_in_leads_to_no_other_site_and_fits_an_address(door: Door, path: str) -> None:
    answer = door.client.get(path)
    leads = way_in(answer.text) if answer.status_code == 401 else ""

    assert urlsplit(leads).netloc == ""
    assert "evil" not in leads
    assert len(leads) < 5_000


@pytest.mark.parametrize(
    ("cookies", "is_at_once"),
    [([], True), (["theme=dark; _ga=1"], True), (["a=b", f"{COOKIE}=v"], False), ([f"a=b;{COOKIE}=v"], False)],
)
def test_only_a_cookie_of_ours_has_a_request_wait_for_who_asks(
    door: Door, cookies: list[str], is_at_once: bool
) -> None:
    callers = Identified([door.house.checker], mode=lambda: "open", cookies=[SessionChecker(door.house.sign_ins)])
    headers = [(b"cookie", each.encode()) for each in cookies]

    async def passes_at_once() -> bool:
        return pass_at_once([callers], {"method": "GET", "query_string": b"", "headers": headers}) is not None

    assert asyncio.run(passes_at_once()) is is_at_once
