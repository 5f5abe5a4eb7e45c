"""From nobody to a list of one's own, and what follows from every button: in a real browser on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance.test_storefront import Visit, begin
from tests.browsers import AXE, CHROMIUM, DESK, PHONE, Slowed, chromium, grave_issues, served, with_long_names
from tests.shops import id_of
from tests.stages import wait_until
from tests.storefronts import open_store

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")

PAGES = (
    "/", "/start", f"/start?like={id_of('Slow Rivers')}&mood=chill", "/moods", "/moods/chill", "/moods/party",
    "/charts", "/charts?chart=trending", "/discover", "/alike", f"/alike/{id_of('Slow Rivers')}",
    f"/item/{id_of('Slow Rivers')}", "/you", "/search?q=m", "/listener", "/listener/l1", "/item/none", "/signin",
    "/nothing-here", "/search?q=zzzz",
)  # fmt: skip


ELSEWHERE = "shop.test"
"""A name of this machine that no browser takes for this machine."""


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slowed]:
    with open_store(tmp_path_factory.mktemp("store")) as store:
        yield Slowed(store.api)


@pytest.fixture(scope="module")
def address(line: Slowed) -> Iterator[str]:
    with served(line) as address:
        yield address


@pytest.fixture(scope="module")
def browser(address: str) -> Iterator[playwright.Browser]:
    with chromium(f"--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1") as started:
        yield started


@pytest.fixture
def slowly(line: Slowed) -> Iterator[Slowed]:
    """The line to the shop, good again afterwards."""
    line.asked.clear()
    yield line
    line.seconds.clear()


@pytest.fixture
def visit(browser: playwright.Browser, address: str) -> Iterator[Visit]:
    """A visit during which nothing may go wrong, whatever else the test is about."""
    context = browser.new_context(base_url=address, viewport=DESK)
    begun = begin(context)
    yield begun
    context.close()
    assert begun.complaints == []


def start(visit: Visit) -> None:
    """Pick a mood and an artist, and make the list one's own."""
    visit.open("/")
    visit.tab.get_by_role("link", name="Chill").click()
    # The next link is one of the page that follows, for it holds the mood as well.
    playwright.expect(visit.tab.get_by_role("link", name="Chill (picked, remove)")).to_be_visible()
    visit.tab.locator(".tile-starter .add").first.click()
    playwright.expect(visit.tab.get_by_role("heading", name="For you")).to_be_visible()
    visit.tab.get_by_role("button", name="Make this my list").click()
    playwright.expect(visit.tab.get_by_role("heading", name="Your next listen")).to_be_visible()


def seconds_to_follow(visit: Visit, title: str) -> float:
    """Like what is listed; after how many seconds the list follows, by the clock of the page itself."""
    seconds: float = visit.tab.get_by_role("button", name=f"Like: {title}").evaluate(
        """(button, words) => new Promise((done) => {
          const began = performance.now();
          const look = () => document.querySelector(".said")?.innerText.trim() === words
            ? done((performance.now() - began) / 1000) : requestAnimationFrame(look);
          button.click();
          look();
        })""",
        f"You like {title}. Your list follows.",
    )
    return seconds


@pytest.mark.requirement("UI-004")
def test_from_a_mood_and_a_pick_to_a_list_that_follows_a_like_within_a_second(visit: Visit) -> None:
    start(visit)
    taken = []
    for _ in range(3):  # one of them in time, for a machine may be busy with other things
        listed = visit.titles()
        taken.append(seconds_to_follow(visit, listed[0]))
        followed = visit.titles()
        assert listed[0] not in followed
        assert followed != listed[1:]

    assert min(taken) < 1
    assert visit.tab.url.endswith("/")
    playwright.expect(visit.tab.get_by_role("status")).to_contain_text(f"You like {listed[0]}.")
    playwright.expect(visit.tab.locator(".beside .name").filter(has_text=listed[0])).to_be_visible()
    visit.tab.get_by_role("button", name=f"Never show: {followed[0]}").press("Enter")
    playwright.expect(visit.tab.get_by_role("button", name="Undo")).to_be_visible()
    assert followed[0] not in visit.titles()
    visit.tab.get_by_role("button", name="Undo").press("Enter")
    playwright.expect(visit.tab.get_by_role("heading", name=followed[0])).to_be_visible()


def follow_within_a_moment(visit: Visit, *names: str) -> None:
    """Click links one after the other before any answer can have come, however slow the machine is."""
    visit.tab.evaluate(
        "names => names.forEach(name => "
        "[...document.querySelectorAll('a')].find(link => link.textContent.trim() === name).click())",
        list(names),
    )


def test_of_two_links_followed_within_a_moment_the_later_one_is_shown(visit: Visit, slowly: Slowed) -> None:
    visit.open("/")
    slowly.seconds |= {"GET /?mood=chill": 0.2, "GET /?category=folk": 0.4}
    follow_within_a_moment(visit, "Chill", "folk")
    heading = visit.tab.get_by_role("heading", level=2).filter(has_text="Start with one of these in")

    playwright.expect(heading).to_have_text("Start with one of these in folk")
    assert visit.tab.url.endswith("/?category=folk")


@pytest.mark.slow
def test_an_answer_that_was_overtaken_changes_neither_the_page_nor_its_address(visit: Visit, slowly: Slowed) -> None:
    visit.open("/")
    slowly.seconds["GET /?mood=chill"] = 0.5
    follow_within_a_moment(visit, "Chill", "folk")
    heading = visit.tab.get_by_role("heading", level=2).filter(has_text="Start with one of these in")
    playwright.expect(heading).to_have_text("Start with one of these in folk")
    wait_until(lambda: "GET /?mood=chill" in slowly.asked, seconds=5)
    visit.tab.wait_for_timeout(100)

    assert heading.inner_text() == "Start with one of these in folk"
    assert visit.tab.url.endswith("/?category=folk")


def test_what_is_pressed_while_an_act_is_under_way_is_done_after_it_and_what_came_last_is_shown(
    visit: Visit, slowly: Slowed
) -> None:
    start(visit)
    listed = visit.titles()
    slowly.asked.clear()
    slowly.seconds["POST /acts"] = 0.3
    for title in listed[:2]:
        visit.tab.get_by_role("button", name=f"Like: {title}").dblclick()
    visit.tab.get_by_role("link", name="folk").click()
    playwright.expect(visit.tab.get_by_role("heading", name="For you in folk")).to_be_visible()

    assert [line.partition("?")[0] for line in slowly.asked] == ["POST /acts", "GET /", "POST /acts", "GET /", "GET /"]
    assert visit.tab.url.endswith("/?category=folk")
    visit.open("/you")
    assert set(listed[:2]) <= set(visit.tab.locator(".found .name").all_inner_texts())


@pytest.mark.slow
def test_a_form_is_taken_from_another_machine_without_tls_and_without_javascript(
    browser: playwright.Browser, address: str
) -> None:
    context = browser.new_context(base_url=address.replace("127.0.0.1", ELSEWHERE), java_script_enabled=False)
    tab = context.new_page()
    tab.goto("/?mood=chill")
    assert not tab.evaluate("isSecureContext")
    tab.get_by_role("button", name="Make this my list").click()
    heading, ended = tab.get_by_role("heading", level=1).inner_text(), tab.url
    context.close()

    assert heading == "Your next listen"
    assert ended.endswith("/")


@pytest.mark.slow
def test_who_leaves_while_acts_wait_has_them_done_all_the_same(visit: Visit, slowly: Slowed) -> None:
    start(visit)
    listed = visit.titles()
    slowly.seconds["POST /acts"] = 0.5
    for title in listed[:3]:
        visit.tab.get_by_role("button", name=f"Like: {title}").click()
    visit.tab.get_by_role("link", name="You", exact=True).click()
    visit.tab.wait_for_url("**/you")
    slowly.seconds.clear()
    wait_until(lambda: sum(line == "POST /acts" for line in slowly.asked) == 3, seconds=5)
    visit.open("/you")

    assert set(listed[:3]) <= set(visit.tab.locator(".found .name").all_inner_texts())


@pytest.mark.slow
def test_a_refusal_that_nobody_saw_because_of_what_was_pressed_next_is_told_beside_that(
    visit: Visit, slowly: Slowed
) -> None:
    start(visit)
    listed = visit.titles()
    slowly.seconds["POST /acts"] = 0.3
    visit.tab.evaluate("document.querySelector('.tile .deeds [name=item]').value = 'ghost'")
    visit.tab.get_by_role("button", name=f"Like: {listed[0]}").click()
    visit.tab.get_by_role("button", name=f"Like: {listed[1]}").click()
    playwright.expect(visit.tab.locator(".said")).to_have_text(f"You like {listed[1]}. Your list follows.")

    playwright.expect(visit.tab.locator("#missed")).to_be_visible()
    visit.tab.get_by_role("link", name="folk").click()
    playwright.expect(visit.tab.locator("#missed")).to_be_hidden()
    visit.complaints.clear()  # the browser says that an answer was a refusal


@pytest.mark.slow
def test_everything_that_is_done_works_without_javascript_too(browser: playwright.Browser, address: str) -> None:
    context = browser.new_context(base_url=address, java_script_enabled=False, viewport=PHONE)
    visit = begin(context)
    start(visit)
    listed = visit.titles()
    visit.tab.get_by_role("button", name=f"Play: {listed[0]}").click()
    played = visit.tab.locator(".said").inner_text()
    left = visit.titles()
    visit.tab.get_by_role("button", name=f"Never show: {left[0]}").click()
    visit.tab.get_by_role("button", name="Undo").click()
    back = visit.titles()
    visit.tab.get_by_role("link", name="You", exact=True).click()
    visit.tab.get_by_role("button", name="Forget me").click()
    begun_anew = visit.tab.get_by_role("heading", level=1).inner_text()
    context.close()

    assert played.startswith(f"Played {listed[0]}.")
    assert listed[0] not in left
    assert left[0] in back
    assert begun_anew.replace("\n", " ") == "What do you like?"


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_no_page_is_wider_than_its_window_or_keeps_anybody_out(
    browser: playwright.Browser, address: str, size: dict[str, int], scheme: str
) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not there: tests/vendor/axe.min.js")
    context = browser.new_context(base_url=address, viewport=size, color_scheme=scheme, bypass_csp=True)
    visit = begin(context)
    start(visit)
    for _ in range(4):
        visit.tab.locator(".deed-like").first.click()
        playwright.expect(visit.tab.locator(".said")).to_be_visible()
        visit.open("/")
    wrong: dict[str, Any] = {}
    for path in PAGES:
        visit.open(path)
        grave = grave_issues(visit.tab)
        with_long_names(visit.tab)
        is_wide = visit.tab.evaluate("document.documentElement.scrollWidth > window.innerWidth")
        if is_wide or grave:
            wrong[path] = (is_wide, grave)
    context.close()

    assert wrong == {}
