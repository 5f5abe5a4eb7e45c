"""A visitor's journeys through the storefront, in a real browser on a real server over a small trained model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest

from tests.browsers import CHROMIUM, DESK, PHONE, chromium, served
from tests.shops import ATTACK, ODD_ID, id_of, open_shop

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with open_shop(tmp_path_factory.mktemp("shop")) as shop, served(shop.app) as address:
        yield address


@pytest.fixture(scope="module")
def browser(address: str) -> Iterator[playwright.Browser]:
    with chromium() as started:
        yield started


@dataclass(frozen=True)
class Visit:
    """A tab, and everything in it that a visit without incident leaves empty.

    Attributes:
        complaints: Errors and warnings of the console, policy violations among them, and errors thrown by scripts.
        dialogs: Dialogs that a script opened.
        hosts: Every host that was asked for anything.
    """

    tab: playwright.Page
    complaints: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def open(self, path: str) -> None:
        self.tab.goto(path)

    def titles(self) -> list[str]:
        return self.tab.locator("h3.title").all_inner_texts()

    def picks(self) -> list[str]:
        return self.tab.locator(".picks .name").all_inner_texts()

    def type(self, text: str) -> None:
        self.tab.get_by_role("combobox").press_sequentially(text)


def begin(context: playwright.BrowserContext) -> Visit:
    visit = Visit(context.new_page())
    visit.tab.set_default_timeout(10_000)
    visit.tab.on("console", lambda said: said.type in {"error", "warning"} and visit.complaints.append(said.text))
    visit.tab.on("pageerror", lambda error: visit.complaints.append(str(error)))
    visit.tab.on("dialog", lambda dialog: (visit.dialogs.append(dialog.message), dialog.dismiss()))
    visit.tab.on("request", lambda request: visit.hosts.add(urlsplit(request.url).netloc))
    return visit


@pytest.fixture
def visit(browser: playwright.Browser, address: str) -> Iterator[Visit]:
    """A visit during which nothing may go wrong, whatever else the test is about."""
    context = browser.new_context(base_url=address, viewport=DESK)
    begun = begin(context)
    yield begun
    context.close()
    assert begun.complaints == []
    assert begun.dialogs == []
    assert begun.hosts <= {urlsplit(address).netloc}


@pytest.mark.requirement("UI-004")
def test_two_picks_by_keyboard_bring_a_list_with_reasons_and_an_address_to_share(visit: Visit) -> None:
    visit.open("/")
    visit.tab.get_by_role("combobox").focus()
    visit.type("slow")
    playwright.expect(visit.tab.get_by_role("option")).to_have_count(1)
    visit.tab.keyboard.press("Enter")
    playwright.expect(visit.tab.get_by_role("heading", name="For you")).to_be_visible()
    playwright.expect(visit.tab.get_by_role("combobox")).to_be_focused()
    visit.type("mo")
    playwright.expect(visit.tab.get_by_role("option").first).to_have_attribute("aria-selected", "true")
    visit.tab.keyboard.press("Enter")
    playwright.expect(visit.tab.locator(".picks .name")).to_have_count(2)

    assert visit.picks() == ["Slow Rivers", "Mossy Bridges"]
    assert visit.tab.url.endswith(f"/?like={id_of('Slow Rivers')}&like={id_of('Mossy Bridges')}")
    assert all(said.startswith("Because you like ") for said in visit.tab.locator(".because").all_inner_texts())
    assert visit.tab.locator(".because").count() == len(visit.titles()) > 3


@pytest.mark.slow
def test_the_arrows_move_through_the_options_and_escape_closes_them(visit: Visit) -> None:
    visit.open("/")
    visit.type("m")
    field = visit.tab.get_by_role("combobox")
    playwright.expect(field).to_have_attribute("aria-expanded", "true")
    names = visit.tab.get_by_role("option").locator(".name").all_inner_texts()
    visit.tab.keyboard.press("ArrowDown")
    active = visit.tab.locator(f"#{field.get_attribute('aria-activedescendant')} .name").inner_text()
    visit.tab.keyboard.press("ArrowUp")
    visit.tab.keyboard.press("ArrowUp")
    last = visit.tab.locator("[role=option][aria-selected=true] .name").inner_text()
    visit.tab.keyboard.press("Escape")

    assert (active, last) == (names[1], names[-1])
    playwright.expect(visit.tab.get_by_role("option")).to_have_count(0)
    playwright.expect(field).to_have_attribute("aria-expanded", "false")


@pytest.mark.slow
def test_enter_before_the_options_have_come_picks_the_first_as_soon_as_they_do(visit: Visit) -> None:
    visit.open("/")
    visit.type("velvet")
    visit.tab.keyboard.press("Enter")

    playwright.expect(visit.tab.locator(".picks .name")).to_have_text(["The Velvet Herons"])


@pytest.mark.slow
def test_a_reload_keeps_the_picks_and_the_back_button_takes_the_last_one_back(visit: Visit) -> None:
    visit.open("/")
    visit.tab.locator(".tile-starter .add").first.click()
    playwright.expect(visit.tab.locator(".picks .name")).to_have_count(1)
    visit.tab.locator(".tile-pick .add").first.click()
    playwright.expect(visit.tab.locator(".picks .name")).to_have_count(2)
    both, listed = visit.picks(), visit.titles()
    visit.tab.reload()

    assert (visit.picks(), visit.titles()) == (both, listed)
    visit.tab.go_back()
    playwright.expect(visit.tab.locator(".picks .name")).to_have_text([both[0]])
    visit.tab.go_back()
    playwright.expect(visit.tab.get_by_role("heading", name="Start with one of these")).to_be_visible()


@pytest.mark.slow
def test_a_pick_is_removed_by_keyboard_and_the_focus_goes_to_the_new_list(visit: Visit) -> None:
    visit.open(f"/?like={id_of('Slow Rivers')}&like={id_of('Glass Pendulums')}")
    visit.tab.get_by_role("link", name="Remove Glass Pendulums").press("Enter")
    playwright.expect(visit.tab.locator(".picks .name")).to_have_text(["Slow Rivers"])

    assert visit.tab.url.endswith(f"/?like={id_of('Slow Rivers')}")
    playwright.expect(visit.tab.locator("#results")).to_be_focused()
    playwright.expect(visit.tab.get_by_role("status")).to_contain_text("because of 1 pick")


@pytest.mark.requirement("UI-005")
def test_a_mood_alone_is_enough_to_start_from(visit: Visit) -> None:
    visit.open("/")
    visit.tab.get_by_role("link", name="calm").click()
    playwright.expect(visit.tab.get_by_role("heading", name="Start with one of these in calm")).to_be_visible()

    assert visit.titles()
    assert all(kinds.startswith("calm") for kinds in visit.tab.locator(".kinds").all_inner_texts())


@pytest.mark.requirement("UI-004")
def test_a_category_narrows_the_list_without_losing_the_picks(visit: Visit) -> None:
    visit.open(f"/?like={id_of('Neon Satellites')}")
    visit.tab.get_by_role("navigation", name="Categories").get_by_role("link", name="folk").click()
    playwright.expect(visit.tab.get_by_role("heading", name="For you in folk")).to_be_visible()

    assert visit.picks() == ["Neon Satellites"]
    assert all("folk" in kinds for kinds in visit.tab.locator(".kinds").all_inner_texts())
    assert visit.tab.url.endswith("&category=folk")


def test_a_known_listener_s_list_is_found_from_the_first_page(visit: Visit) -> None:
    visit.open("/")
    visit.tab.get_by_role("link", name="A listener’s list").click()
    visit.tab.get_by_label("Id of a listener").fill("l1")
    visit.tab.keyboard.press("Enter")
    visit.tab.wait_for_url("**/listener/l1")

    assert visit.tab.locator(".history .name").count() >= 5
    assert all(said.startswith("Because of ") for said in visit.tab.locator(".because").all_inner_texts())
    assert visit.titles()


@pytest.mark.slow
def test_similar_artists_are_one_step_away_and_lead_back_to_the_picks(visit: Visit) -> None:
    visit.open(f"/?like={id_of('Slow Rivers')}")
    visit.tab.locator(".tile .more").first.click()
    playwright.expect(visit.tab.get_by_role("heading", name="Similar artists")).to_be_visible()
    visit.tab.get_by_role("link", name="Add to your picks", exact=True).click()

    playwright.expect(visit.tab.locator(".picks .name")).to_have_count(2)


def test_a_title_made_to_attack_is_shown_as_the_text_it_is(visit: Visit) -> None:
    attacked = id_of(ATTACK)
    for path in (f"/?like={attacked}", f"/alike/{attacked}", "/?category=calm"):
        visit.open(path)
        assert visit.tab.locator("img").count() == 0
    visit.open("/")
    visit.type("<img")
    option = visit.tab.get_by_role("option")
    playwright.expect(option.locator(".name")).to_have_text(ATTACK)
    option.click()

    playwright.expect(visit.tab.locator(".picks .name")).to_have_text(ATTACK)
    assert visit.tab.locator("img").count() == 0


def test_the_policy_is_in_force_and_not_only_announced(browser: playwright.Browser, address: str) -> None:
    context = browser.new_context(base_url=address)
    visit = begin(context)
    visit.open("/")
    visit.tab.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=alert(1)>')")
    visit.tab.wait_for_timeout(200)
    context.close()

    assert visit.dialogs == []
    assert any("Content Security Policy" in said for said in visit.complaints)


def test_everything_works_without_javascript(browser: playwright.Browser, address: str) -> None:
    context = browser.new_context(base_url=address, java_script_enabled=False)
    visit = begin(context)
    visit.open("/")
    visit.tab.locator(".tile-starter .add").first.click()
    visit.tab.get_by_label("Find artists by name").fill("linen")
    visit.tab.get_by_role("button", name="Search").click()
    visit.tab.locator(".found a", has_text="Linen Tides").click()
    picks = visit.picks()
    visit.tab.get_by_role("link", name="electronic").click()
    visit.tab.get_by_role("link", name="Remove Linen Tides").click()
    left = visit.picks()
    visit.tab.get_by_role("link", name="A listener’s list").click()
    visit.tab.get_by_label("Id of a listener").fill("nobody")
    visit.tab.get_by_role("button", name="Show the list").click()
    said = visit.tab.get_by_role("heading", level=1).inner_text()
    context.close()

    assert picks[1:] == ["Linen Tides"]
    assert left == picks[:1]
    assert said == "Nobody by that id"


@pytest.mark.slow
def test_without_a_connection_the_page_says_so_and_recovers(browser: playwright.Browser, address: str) -> None:
    context = browser.new_context(base_url=address)
    visit = begin(context)
    visit.open("/")
    context.set_offline(True)
    visit.tab.locator(".tile-starter .add").first.click()
    playwright.expect(visit.tab.get_by_role("alert")).to_be_visible()
    context.set_offline(False)
    visit.tab.locator(".tile-starter .add").first.click()

    playwright.expect(visit.tab.locator(".picks .name")).to_have_count(1)
    playwright.expect(visit.tab.locator("#offline")).to_be_hidden()
    context.close()


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
@pytest.mark.parametrize("size", [PHONE, pytest.param(DESK, marks=pytest.mark.slow)], ids=["phone", "desk"])
def test_no_page_is_wider_than_its_window_or_shifts_while_it_loads(
    browser: playwright.Browser, address: str, size: dict[str, int], scheme: str
) -> None:
    context = browser.new_context(base_url=address, viewport=size, color_scheme=scheme)
    visit = begin(context)
    visit.tab.add_init_script(
        "window.shift = 0; new PerformanceObserver(list => list.getEntries().forEach(entry => shift += entry.value))"
        ".observe({type: 'layout-shift', buffered: true});"
    )
    measured = []
    for path in ("/", f"/?like={ODD_ID.replace('&', '%26').replace('#', '%23')}", "/listener/l1", "/search?q=m"):
        visit.open(path)
        width = visit.tab.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        measured.append((path, width <= 0, visit.tab.evaluate("window.shift") < 0.01))
    context.close()

    assert [page for page in measured if not all(page[1:])] == []
