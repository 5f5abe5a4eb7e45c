"""From nobody to a list of one's own, and what follows from every button: in a real browser on a real server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance.test_storefront import Visit, begin
from tests.browsers import AXE, CHROMIUM, DESK, PHONE, chromium, grave_issues, served
from tests.shops import id_of
from tests.storefronts import open_store

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")

PAGES = (
    "/", "/start", f"/start?like={id_of('Slow Rivers')}&mood=chill", "/moods", "/moods/chill", "/moods/party",
    "/charts", "/charts?chart=trending", "/discover", "/alike", f"/alike/{id_of('Slow Rivers')}",
    f"/item/{id_of('Slow Rivers')}", "/you", "/search?q=m", "/listener", "/listener/l1", "/item/none", "/signin",
)  # fmt: skip


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with open_store(tmp_path_factory.mktemp("store")) as store, served(store.api) as address:
        yield address


@pytest.fixture(scope="module")
def browser(address: str) -> Iterator[playwright.Browser]:
    with chromium() as started:
        yield started


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
    playwright.expect(visit.tab.get_by_role("link", name="Chill (picked, remove)")).to_be_visible()
    visit.tab.locator(".tile-starter .add").first.click()
    playwright.expect(visit.tab.get_by_role("heading", name="For you")).to_be_visible()
    visit.tab.get_by_role("button", name="Make this my list").click()
    playwright.expect(visit.tab.get_by_role("heading", name="Your next listen")).to_be_visible()


@pytest.mark.requirement("UI-004")
def test_from_a_mood_and_a_pick_to_a_list_that_follows_a_like_within_a_second(visit: Visit) -> None:
    start(visit)
    listed = visit.titles()
    started = time.monotonic()
    visit.tab.get_by_role("button", name=f"Like: {listed[0]}").click()
    playwright.expect(visit.tab.locator(".said")).to_have_text(f"You like {listed[0]}. Your list follows.")
    seconds = time.monotonic() - started
    followed = visit.titles()

    assert listed[0] not in followed
    assert followed != listed[1:]
    assert seconds < 1
    assert visit.tab.url.endswith("/")
    playwright.expect(visit.tab.get_by_role("status")).to_contain_text(f"You like {listed[0]}.")
    playwright.expect(visit.tab.locator(".beside .name").first).to_have_text(listed[0])
    visit.tab.get_by_role("button", name=f"Never show: {followed[0]}").press("Enter")
    playwright.expect(visit.tab.get_by_role("button", name="Undo")).to_be_visible()
    assert followed[0] not in visit.titles()
    visit.tab.get_by_role("button", name="Undo").press("Enter")
    playwright.expect(visit.tab.get_by_role("heading", name=followed[0])).to_be_visible()


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
        is_wide = visit.tab.evaluate("document.documentElement.scrollWidth > window.innerWidth")
        grave = grave_issues(visit.tab)
        if is_wide or grave:
            wrong[path] = (is_wide, grave)
    context.close()

    assert wrong == {}
