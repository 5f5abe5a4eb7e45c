"""Somebody nobody knows begins, gets a list, and changes it: over real events, choices and lists, in every mode."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from html import unescape
from urllib.parse import urlencode

import httpx2
import pytest
from starlette.testclient import TestClient

from tacit.entrypoints.api.visiting import is_page
from tacit.entrypoints.console.pages import console
from tacit.entrypoints.storefront.pages import storefront_router
from tacit.monitoring.storefront_metrics import NEW_USER_SATISFACTION, STOREFRONT_ACTS, VISITORS
from tests.apis import api_of
from tests.shops import ODD_ID, id_of
from tests.storefronts import PAGE, Store, database_away, open_store

PICKS = [id_of("Slow Rivers"), id_of("Paper Kites")]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with open_store(tmp_path_factory.mktemp("store")) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _open_to_everybody(store: Store) -> None:
    store.mode[0] = "open"


def send(browser: TestClient, path: str, fields: list[tuple[str, str]], **headers: str) -> httpx2.Response:
    """What a form of one of our pages sends."""
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    return browser.post(path, content=urlencode(fields), headers={**PAGE, **kind, **headers})


def begin(browser: TestClient, likes: list[str] | None = None, moods: tuple[str, ...] = ()) -> httpx2.Response:
    fields = [("like", each) for each in PICKS if likes is None] + [("like", each) for each in likes or ()]
    return send(browser, "/start", fields + [("mood", each) for each in moods])


def act(browser: TestClient, page: str, name: str, *, title: str) -> httpx2.Response:
    """Press a button of a tile, with all that its form has."""
    tile = next(each for each in page.split("<li ") if f">{title}<" in each and 'action="/acts"' in each)
    fields = {name: unescape(value) for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', tile)}
    return send(browser, "/acts", [*fields.items(), ("act", name)])


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page.split("<body")[1])))


def titles(page: str) -> list[str]:
    return [unescape(re.sub(r"<[^>]+>", "", each)) for each in re.findall(r'<h3 class="title">(.*?)</h3>', page)]


@pytest.mark.requirement("UI-004")
def test_picks_that_are_kept_give_a_list_with_reasons_to_this_browser_alone(store: Store) -> None:
    browser, other = store.browser(), store.browser()
    kept = begin(browser, moods=("chill",))
    page = browser.get("/").text

    assert (kept.status_code, kept.headers["location"]) == (303, "/")
    assert re.fullmatch(r"visitor=\S+; HttpOnly; Max-Age=15552000; Path=/; SameSite=lax", kept.headers["set-cookie"])
    assert "Your next listen" in text_of(page)
    assert {"Slow Rivers", "Paper Kites"}.isdisjoint(titles(page))
    assert re.search("Because you like (Slow Rivers|Paper Kites)", text_of(page))
    assert "Chill" in text_of(page)
    assert "What do you like?" in text_of(other.get("/").text)


@pytest.mark.requirement("UI-005")
def test_a_mood_alone_is_enough_for_a_list_of_ones_own(store: Store) -> None:
    browser = store.browser()
    begin(browser, likes=[], moods=("chill",))
    page = browser.get("/").text

    kinds = re.findall(r'<p class="kinds">(.*?)</p>', page)
    assert len(kinds) == len(titles(page)) > 5
    assert all("calm" in kind for kind in kinds)


def test_nothing_is_kept_of_somebody_who_only_looks(store: Store) -> None:
    browser = store.browser()
    looked = [browser.get(path) for path in ("/", f"/?like={id_of('Slow Rivers')}&mood=chill", "/moods", "/charts")]

    assert {each.status_code for each in looked} == {200}
    assert all("set-cookie" not in each.headers for each in looked)


@pytest.mark.requirement("UI-004")
@pytest.mark.parametrize(("name", "kind"), [("take", "play"), ("like", "like"), ("skip", "skip")])
def test_a_button_sends_an_event_that_names_its_list_and_place_and_the_list_follows(
    store: Store, name: str, kind: str
) -> None:
    browser = store.browser()
    begin(browser)
    for _ in range(3):  # one of them in time, for a machine may be busy with other things
        page = browser.get("/").text
        listed = titles(page)
        counted = store.parts.metrics.value(STOREFRONT_ACTS, act=name)
        started = time.monotonic()
        done = act(browser, page, name, title=listed[1])
        after = browser.get(done.headers["location"]).text
        seconds = time.monotonic() - started
        if seconds < 1:
            break

    event = store.app.event_store.applied(0, limit=10_000)[-1].logged.event
    assert (event.type, event.item_id) == (kind, id_of(listed[1]))
    assert event.recommendation_id is not None
    assert event.recommendation_id in page
    assert event.properties == '{"position":2,"surface":"home"}'
    assert listed[1] not in titles(after)
    assert seconds < 1
    assert store.parts.metrics.value(STOREFRONT_ACTS, act=name) == counted + 1
    assert listed[1] in text_of(after).split("For you")[2]


def test_a_button_pressed_twice_is_one_event(store: Store) -> None:
    browser = store.browser()
    begin(browser)
    page = browser.get("/").text
    title = titles(page)[0]
    act(browser, page, "like", title=title)
    before = len(store.app.event_store.applied(0, limit=10_000))
    again = act(browser, page, "like", title=title)

    assert again.status_code == 303
    assert len(store.app.event_store.applied(0, limit=10_000)) == before


def test_what_is_hidden_is_gone_at_once_and_comes_back_by_undo(store: Store) -> None:
    browser = store.browser()
    begin(browser)
    page = browser.get("/").text
    title = titles(page)[0]
    hidden = browser.get(act(browser, page, "hide", title=title).headers["location"]).text
    listed = browser.get("/you").text
    undone = send(browser, "/acts", [("item", id_of(title)), ("act", "unhide"), ("next", "/")])
    back = browser.get(undone.headers["location"]).text

    assert title not in titles(hidden)
    assert f"{title} will not be shown to you again. Undo" in text_of(hidden)
    assert f"{title} Show again" in text_of(listed)
    assert title in titles(back)


@pytest.mark.requirement("UI-007")
def test_a_new_user_is_asked_once_whether_their_list_suits_them(store: Store) -> None:
    browser = store.browser()
    begin(browser)
    asked = []
    for _ in range(3):
        page = browser.get("/").text
        asked.append("Does this list suit you?" in page)
        act(browser, page, "like", title=titles(page)[0])
    asked.append("Does this list suit you?" in browser.get("/").text)
    before = store.parts.metrics.value(NEW_USER_SATISFACTION, answer="partly")
    answered = [send(browser, "/opinion", [("answer", "partly")]).status_code for _ in range(2)]
    after = store.parts.metrics.value(NEW_USER_SATISFACTION, answer="partly")

    assert asked == [False, False, False, True]
    assert (answered, after - before) == ([303, 303], 1)
    thanked = text_of(browser.get("/", params={"thanks": "1"}).text)
    assert "Thank you for saying so." in thanked
    assert "Does this list suit you?" not in thanked
    assert send(browser, "/opinion", [("answer", "great")]).status_code == 422


def test_who_asks_to_be_forgotten_is_nobody_again(store: Store) -> None:
    browser = store.browser()
    visitors = store.parts.metrics.value(VISITORS)
    begin(browser)
    user_id = f"visitor-{browser.cookies['visitor'].split('.')[0]}"
    known = store.parts.users.user(user_id).preferences.item_ids
    forgotten = send(browser, "/you/forget", [])

    assert known == tuple(PICKS)
    assert 'visitor=""; HttpOnly; Max-Age=0' in forgotten.headers["set-cookie"]
    assert "What do you like?" in text_of(browser.get("/").text)
    assert not store.app.catalog.users([user_id])
    assert store.parts.metrics.value(VISITORS) == visitors + 1


def test_a_form_of_somebody_elses_page_changes_nothing(store: Store) -> None:
    browser = store.browser()
    begin(browser)
    foreign = {"Origin": "https://elsewhere.example"}
    answers = [
        browser.post("/acts", data={"act": "like", "item": id_of("Slow Rivers")}, headers=foreign),
        browser.post("/you/forget", data={}, headers=foreign),
        browser.post("/start", data={"like": "x"}, headers={"Sec-Fetch-Site": "cross-site"}),
        browser.post("/start", data={"like": "x"}),
    ]

    assert [each.status_code for each in answers] == [403] * 4
    assert "Your next listen" in text_of(browser.get("/").text)


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        ("/start", [], 422),
        ("/start", [("like", "gone")], 422),
        ("/acts", [("act", "like"), ("item", "gone")], 404),
        ("/acts", [("act", "hide"), ("item", "gone")], 404),
        ("/acts", [("act", "unhide"), ("item", id_of("Slow Rivers"))], 404),
        ("/acts", [("act", "like"), ("item", "x"), ("item", "y")], 422),
    ],
)
def test_what_cannot_be_done_is_a_page_that_says_why(
    store: Store, path: str, fields: list[tuple[str, str]], status: int
) -> None:
    answer = send(store.browser(), path, fields)

    assert answer.status_code == status
    assert answer.headers.get("content-type", "text/html").startswith("text/html")


def test_a_way_back_never_leads_anywhere_else(store: Store) -> None:
    fields = [("act", "hide"), ("item", id_of("Slow Rivers"))]
    for elsewhere in ("https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example", ""):
        done = send(store.browser(), "/acts", [*fields, ("next", elsewhere)])
        assert done.headers["location"].startswith("/?did=hide&about=")


def test_where_credentials_are_optional_a_visitor_is_one_user_and_nobody_else(store: Store) -> None:
    store.mode[0] = "optional"
    browser, stranger = store.browser(), store.browser()
    begun = begin(browser)
    page = browser.get("/").text
    done = act(browser, page, "like", title=titles(page)[0])
    user_id = f"visitor-{browser.cookies['visitor'].split('.')[0]}"

    assert (begun.status_code, done.status_code) == (303, 303)
    assert browser.get(f"/listener/{user_id}").status_code == 200
    assert browser.get("/listener/l1").status_code == 401
    assert stranger.get("/you").status_code == 401
    # Programs are not let in by what a browser keeps.
    assert browser.get(f"/api/v1/users/{user_id}").status_code == 401
    assert browser.post("/api/v1/events", json={}, headers=PAGE).status_code == 401


def test_everywhere_but_on_pages_a_visitor_is_nobody(store: Store) -> None:
    store.mode[0] = "optional"
    browser = store.browser()
    begin(browser)
    user_id = f"visitor-{browser.cookies['visitor'].split('.')[0]}"
    event = {"user_id": user_id, "item_id": id_of("Slow Rivers"), "type": "like", "event_id": "from-a-program"}
    elsewhere = (f"/recommend/{user_id}", f"/api/v1/users/{user_id}/hidden", f"/%61pi/v1/users/{user_id}")

    assert {browser.get(path).status_code for path in elsewhere} == {401}
    for path in ("/api/v1/events", "/%61pi/v1/events"):
        assert browser.post(path, json=event, headers=PAGE).status_code == 401


def test_every_page_with_a_form_or_a_list_knows_visitors(store: Store) -> None:
    paths = {route.path for route in storefront_router(store.parts.service, dataset=str).routes}
    own = {"/start", "/acts", "/opinion", "/you", "/you/forget", "/item/x", "/moods/x", "/charts", "/discover"}

    assert all(is_page(re.sub(r"{.*?}", "x", path)) for path in paths | own if not path.startswith("/static/"))
    assert not any(is_page(path) for path in ("/api/v1/events", "/recommend/x", "/docs", "/signin", "/similar/x"))


def test_where_credentials_are_required_whoever_is_not_signed_in_is_led_there(store: Store) -> None:
    browser = store.browser()
    begin(browser)
    store.mode[0] = "required"
    page = browser.get("/")
    act_there = send(browser, "/acts", [("act", "like"), ("item", id_of("Slow Rivers"))])

    assert (page.status_code, act_there.status_code) == (401, 401)
    assert 'href="/signin?next=/"' in page.text


def test_who_is_signed_in_is_the_user_of_their_account(store: Store) -> None:
    password = "a long enough one"
    store.app.people.desk.create("lena", password, role="writer", user_id="l1", actor="ann")
    store.mode[0] = "required"
    browser = store.browser()
    signed = send(browser, "/signin", [("login", "lena"), ("password", password), ("next", "/")])
    headers = {"Cookie": signed.headers["set-cookie"].partition(";")[0]}
    page = browser.get("/", headers=headers).text
    done = send(browser, "/acts", [("act", "skip"), ("item", id_of("Slow Rivers"))], **headers)

    assert "Your next listen" in text_of(page)
    assert "set-cookie" not in done.headers
    assert store.app.event_store.applied(0, limit=10_000)[-1].logged.event.user_id == "l1"


def test_moods_show_what_stands_for_them_and_which_are_empty(store: Store) -> None:
    browser = store.browser()
    moods, chill, party = (browser.get(path) for path in ("/moods", "/moods/chill", "/moods/party"))

    links = set(re.findall(r'href="(/moods/[a-z-]+)"', moods.text))
    assert "/moods/chill" in links
    assert "/moods/party" not in links
    assert text_of(moods.text).count("Nothing here fits it yet") == 12 - len(links)
    assert "What stands for it" in text_of(chill.text)
    assert len(titles(chill.text)) == 12
    assert party.status_code == 200
    assert "Nothing here fits this mood yet" in text_of(party.text)
    assert browser.get("/moods/none-such").status_code == 404


@pytest.mark.requirement("UI-003")
def test_charts_draws_and_likenesses_have_pages_of_their_own(store: Store) -> None:
    browser = store.browser()
    chart = browser.get("/charts", params={"category": "folk"}).text
    drawn = browser.get("/discover")
    draw = browser.get(drawn.headers["location"])
    asked = browser.get("/alike", params={"q": "paper"}).text

    assert len(titles(chart)) == 12
    assert "Most known in folk" in text_of(chart)
    assert drawn.status_code == 303
    assert titles(draw.text) == titles(browser.get(drawn.headers["location"]).text)
    assert "Paper Kites" in text_of(asked)
    assert browser.get("/charts", params={"chart": "none"}).status_code == 422
    assert browser.get("/charts", params={"category": "none"}).status_code == 404


def test_an_item_of_any_id_has_a_page_and_is_linked_from_lists(store: Store) -> None:
    browser = store.browser()
    chart = browser.get("/charts", params={"category": "folk"}).text
    links = [unescape(each) for each in re.findall(r'href="(/item/[^"]+)"', chart)]
    odd = next(each for each in links if "%23" in each)
    page = browser.get(odd)

    assert page.status_code == 200
    assert "Paper Kites" in text_of(page.text)
    assert "Similar artists" in text_of(page.text)
    assert ODD_ID not in odd


@pytest.mark.requirement("UI-006")
def test_whoever_has_a_list_is_shown_another_while_the_database_is_away_and_told_why(store: Store) -> None:
    browser = store.browser()
    begin(browser)
    with database_away(store):
        page, you = browser.get("/"), browser.get("/you")

    assert page.status_code == 200
    assert "Your own list cannot be read at the moment; nothing of it is lost." in text_of(page.text)
    assert len(titles(page.text)) > 3
    assert (you.status_code, you.headers["retry-after"]) == (503, "5")
    assert "What is kept here cannot be read at the moment. Nothing of it is lost." in text_of(you.text)
    assert '<a class="button" href="/you">Try again</a>' in you.text
    assert "Your next listen" in text_of(browser.get("/").text)


def test_the_console_says_since_when_the_database_is_away_what_goes_on_and_what_to_do(store: Store) -> None:
    desk = TestClient(api_of(store.parts, extra_routers=console(store.app, store.parts).routers))
    with database_away(store):
        failed, overview, settings = (desk.get(f"/console{path}") for path in ("/jobs?kind=train", "", "/settings"))
    said = text_of(failed.text)

    assert failed.status_code == 503
    assert "The database does not answer" in said
    assert "Since just now" in said
    assert "Lists are answered from memory, and events are taken." in said
    assert "See that tacit.db in the home folder can be read" in said
    assert '<a class="button" href="/console/jobs?kind=train">Try again</a>' in failed.text
    for page in (overview, settings):
        assert (page.status_code, text_of(page.text).count("The database has not answered since")) == (200, 1)
    assert "The database has not answered" not in text_of(desk.get("/console").text)
