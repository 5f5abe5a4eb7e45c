"""An operator's journeys through the console, in a real browser on a real server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from tests.browsers import CHROMIUM, DESK, PHONE, Slowed, chromium  # noqa: E402
from tests.consoles import PAGES, Site, Visit, console_in, visiting  # noqa: E402
from tests.shells import QUICK, serving  # noqa: E402
from tests.stages import wait_until  # noqa: E402

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
EAGER = ("--set", "retraining.niceness=0")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with console_in(tmp_path_factory.mktemp("console")) as opened:
        yield opened


@pytest.fixture(scope="module")
def browser(site: Site) -> Iterator[playwright.Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def visit(browser: playwright.Browser, site: Site) -> Iterator[Visit]:
    with visiting(browser, site.address) as begun:
        yield begun


@pytest.fixture
def looker(browser: playwright.Browser, site: Site) -> Iterator[Visit]:
    """Somebody who may look, and not act."""
    with visiting(browser, site.address, key=site.looker) as begun:
        yield begun


def page_of(path: str, site: Site) -> str:
    """An address of a page, with what there is put into it."""
    entry = site.app.event_store.quarantined(limit=1)
    return path.replace("{entry}", str(entry[0].quarantine_id) if entry else "").replace("{job}", site.job())


def expect_text(visit: Visit, selector: str, text: str | re.Pattern[str]) -> None:
    playwright.expect(visit.tab.locator(f"{selector}:visible").first).to_contain_text(text)


def latest(visit: Visit) -> int:
    """The time of the latest point that is drawn."""
    return int(visit.tab.evaluate("window.charts.latest()"))


def test_the_overview_draws_what_was_measured_and_goes_on_by_itself(visit: Visit, site: Site) -> None:
    visit.open("/console")
    playwright.expect(visit.tab.locator(".plot canvas")).to_have_count(6)
    playwright.expect(visit.tab.locator("#live")).to_have_attribute("data-state", "on")
    before, loads = latest(visit), visit.tab.evaluate("performance.getEntriesByType('navigation').length")
    site.recent.take()

    wait_until(lambda: latest(visit) > before, seconds=10)
    assert visit.tab.evaluate("performance.getEntriesByType('navigation').length") == loads == 1
    expect_text(visit, "#chart-sources .legend", "personal")
    assert visit.tab.get_by_role("img", name=re.compile("^Traffic, per second, over 15m: requests [0-9]")).count() == 1


@pytest.mark.slow
def test_the_pages_are_gone_through_by_keyboard_without_a_reload(visit: Visit) -> None:
    visit.open("/console")
    visit.tab.evaluate("window.isSame = true")
    for name in ("Data", "Settings", "Overview"):
        visit.tab.get_by_role("navigation", name="Console").get_by_role("link", name=name).press("Enter")
        playwright.expect(visit.tab.locator(".rail [aria-current=page]")).to_have_text(name)
    playwright.expect(visit.tab.locator(".plot canvas")).to_have_count(6)

    assert visit.tab.evaluate("window.isSame")
    assert visit.tab.url.endswith("/console")
    assert visit.tab.title() == "Overview · Tacit"


def test_who_may_only_look_sees_no_operators_button_and_is_refused_by_the_interface_too(
    looker: Visit, visit: Visit, site: Site
) -> None:
    number = site.sent("looked-at")
    buttons = {}
    for name, each in (("looker", looker), ("operator", visit)):
        each.open(f"/console/data/quarantine/{number}")
        buttons[name] = each.tab.locator("main button, main dialog, main form").count()
        each.open("/console/jobs")
        buttons[name] += each.tab.get_by_role("link", name="Start a job").count()

    assert buttons["looker"] == 0
    assert buttons["operator"] > 5
    assert looker.tab.get_by_role("link", name="Access").count() == 0
    refused = looker.tab.evaluate(
        "async (number) => (await fetch('/console/data/quarantine/release', {method: 'POST',"
        " body: new URLSearchParams({id: number})})).status",
        number,
    )
    looker.complaints.clear()  # the browser says that a fetch was refused
    assert refused == 403
    headers = {"X-API-Key": site.looker}
    assert site.asks("/api/v1/quarantine/release", {"ids": [number]}, **headers).status_code == 403
    assert site.asks("/api/v1/quarantine", **headers).status_code == 200
    assert site.app.quarantine.entry(number).state == "held"


def test_an_event_that_was_set_aside_is_mended_released_and_applied(visit: Visit, site: Site) -> None:
    number = site.sent("to-be-mended")
    visit.open("/console/data")
    visit.tab.get_by_role("link", name="Look after it").click()
    visit.tab.get_by_role("link", name=str(number), exact=True).click()
    field = visit.tab.get_by_label("The event as it should have been sent")
    field.fill(field.input_value().replace('"play"', '"dance"'))
    visit.tab.get_by_role("button", name="Keep and release").click()
    expect_text(visit, ".notice-bad", "dance")
    visit.complaints.clear()  # the browser says that an answer was a refusal
    assert '"dance"' in field.input_value()

    field.fill(field.input_value().replace('"dance"', '"play"').replace('"ghost"', '"i001"'))
    visit.tab.get_by_role("button", name="Keep and release").click()
    expect_text(visit, ".notice-good", "1 event was released")
    wait_until(lambda: site.app.event_store.quarantine_entry(number).state == "applied", seconds=15)
    visit.open("/console/data/quarantine")
    playwright.expect(visit.tab.get_by_role("link", name=str(number), exact=True)).to_have_count(0)
    [kept] = [each for each in site.app.audit.entries(limit=50) if each.action == "quarantine_fixed"]
    assert kept.facts["fields"] == ["item_id"]


@pytest.fixture
def line(site: Site) -> Iterator[Slowed]:
    """The line to the console, good again afterwards."""
    site.line.asked.clear()
    yield site.line
    site.line.seconds.clear()


@pytest.mark.slow
def test_pages_that_are_gone_through_faster_than_they_come_leave_one_stream_behind(visit: Visit, line: Slowed) -> None:
    visit.tab.add_init_script(
        "window.streams = []; const Stream = EventSource;"
        "window.EventSource = class extends Stream { constructor(url) { super(url); streams.push(this); } };"
    )
    line.seconds["GET /console/figures"] = 0.6
    visit.open("/console")
    visit.tab.get_by_role("navigation", name="Console").get_by_role("link", name="Data").click()
    playwright.expect(visit.tab.get_by_role("heading", name="Data", exact=True)).to_be_visible()
    playwright.expect(visit.tab.locator(".plot canvas")).to_have_count(2)
    playwright.expect(visit.tab.locator("#live")).to_have_attribute("data-state", "on")

    streams = visit.tab.evaluate("streams.filter((each) => each.readyState !== 2).map((each) => each.url)")
    assert [urlsplit(each).path for each in streams] == ["/console/data/live"]


@pytest.mark.slow
def test_a_button_that_is_pressed_twice_acts_once(visit: Visit, site: Site, line: Slowed) -> None:
    number = site.sent("pressed-twice")
    visit.open(f"/console/data/quarantine/{number}")
    line.asked.clear()
    line.seconds["POST /console"] = 0.3
    field = visit.tab.get_by_label("The event as it should have been sent")
    field.fill(field.input_value().replace('"ghost"', '"i003"'))
    visit.tab.get_by_role("button", name="Keep only").dblclick()
    expect_text(visit, ".notice-good", "The correction is kept")

    assert [each for each in line.asked if each.startswith("POST")] == [f"POST /console/data/quarantine/{number}/fix"]


@pytest.mark.slow
def test_what_was_looked_for_on_a_page_that_was_left_brings_nobody_back(visit: Visit, line: Slowed) -> None:
    line.seconds["GET /console/settings?q="] = 0.8
    visit.open("/console/settings")
    visit.tab.get_by_role("searchbox").press_sequentially("als")
    visit.tab.wait_for_timeout(300)
    visit.tab.get_by_role("navigation", name="Console").get_by_role("link", name="Jobs").click()
    wait_until(lambda: any("settings?q=" in each for each in line.asked), seconds=5)
    visit.tab.wait_for_timeout(200)

    assert visit.heading() == "Jobs"
    assert visit.tab.url.endswith("/console/jobs")


@pytest.mark.slow
def test_several_events_are_chosen_and_purged_only_after_a_dialog_was_answered(visit: Visit, site: Site) -> None:
    numbers = [site.sent(f"to-be-purged-{n}", f"phantom-{n}") for n in range(3)]
    visit.open("/console/data/quarantine")
    for number in numbers[:2]:
        visit.tab.get_by_role("checkbox", name=f"Entry {number}").check()
    visit.tab.get_by_role("button", name="Purge those chosen").click()
    dialog = visit.tab.get_by_role("dialog", name="Purge what was chosen?")
    playwright.expect(dialog).to_be_visible()
    visit.tab.keyboard.press("Escape")
    playwright.expect(dialog).to_be_hidden()
    assert all(site.app.event_store.quarantine_entry(number) for number in numbers)

    visit.tab.get_by_role("button", name="Purge those chosen").click()
    dialog.get_by_role("button", name="Purge").click()
    expect_text(visit, ".notice-good", "2 events were purged")
    assert [site.app.event_store.quarantine_entry(number) is None for number in numbers] == [True, True, False]


@pytest.mark.slow
def test_without_script_the_same_pages_say_and_do_the_same(browser: playwright.Browser, site: Site) -> None:
    number = site.sent("without-script")
    with visiting(browser, site.address, java_script_enabled=False) as visit:
        visit.open("/console")
        assert visit.heading() == "Overview"
        visit.tab.get_by_text("As a table").first.click()
        expect_text(visit, "#chart-traffic tbody", "requests")
        visit.open(f"/console/data/quarantine/{number}")
        field = visit.tab.get_by_label("The event as it should have been sent")
        field.fill(field.input_value().replace('"ghost"', '"i002"'))
        visit.tab.get_by_role("button", name="Keep only").click()
        expect_text(visit, ".notice-good", "The correction is kept")


@pytest.mark.slow
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_what_is_not_there_or_not_theirs_is_told_on_a_page_without_serious_issues(
    browser: playwright.Browser, site: Site, size: dict[str, int]
) -> None:
    found = {}
    with visiting(browser, site.address, key=site.looker, viewport=size) as visit:
        for path in ("/console/nothing-here", "/console/models/99", "/console/access", "/nothing-here"):
            visit.open(path)
            found[path] = (visit.heading(), visit.issues(), visit.overflow() > 0)
        visit.complaints.clear()  # the browser says that answers were refusals

    assert found == {
        "/console/nothing-here": ("There is no such thing here", [], False),
        "/console/models/99": ("There is no such thing here", [], False),
        "/console/access": ("Not with these credentials", [], False),
        "/nothing-here": ("Nothing by that name", [], False),
    }


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_serious_issue_and_none_is_wider_than_a_phone(
    browser: playwright.Browser, site: Site, scheme: str
) -> None:
    site.sent(f"seen-{scheme}")
    found: dict[str, list[str]] = {}
    for size in (None, PHONE):
        with visiting(browser, site.address, color_scheme=scheme, **({"viewport": size} if size else {})) as visit:
            for path in PAGES:
                visit.open(page_of(path, site))
                assert visit.heading(), path
                found[f"{path} {size}"] = visit.issues() + (["too wide"] if visit.overflow() > 0 else [])

    assert {path: issues for path, issues in found.items() if issues} == {}


@pytest.mark.slow
def test_a_job_is_started_followed_line_by_line_and_leads_to_its_version(
    browser: playwright.Browser, tmp_path: Path
) -> None:
    with serving("up", *QUICK, *EAGER, home=tmp_path / "home") as server:
        address = server.announced["pages"].rstrip("/")
        with visiting(browser, address) as visit:
            visit.open("/console/jobs")
            visit.tab.get_by_role("link", name="Start a job").first.click()
            visit.tab.get_by_label("Factors").fill("8")
            visit.tab.get_by_label("Iterations").fill("2")
            visit.tab.get_by_role("button", name="Train").click()
            expect_text(visit, "#job-log", "try 1")
            playwright.expect(visit.tab.locator("#job-state .badge").first).to_have_text("succeeded", timeout=90_000)
            expect_text(visit, "#job-log", "over")
            visit.tab.locator("#job-state").get_by_role("link", name="recommender").click()
            playwright.expect(visit.tab.get_by_role("heading", level=1)).to_contain_text("2")


@pytest.mark.slow
def test_somebody_whom_nobody_knows_is_led_to_sign_in_and_told_nothing(
    browser: playwright.Browser, tmp_path: Path
) -> None:
    with (
        serving("up", *QUICK, "--set", "auth.mode=required", home=tmp_path / "home") as server,
        visiting(browser, server.announced["pages"].rstrip("/")) as visit,
    ):
        visit.open("/console/data?range=1h")
        assert visit.heading() == "Sign in first"
        assert visit.tab.get_by_role("navigation").count() == 0
        visit.tab.get_by_role("link", name="Sign in").click()
        assert visit.tab.url.endswith("/signin?next=/console/data%3Frange%3D1h")
        visit.complaints.clear()  # the browser says that an answer was a refusal
