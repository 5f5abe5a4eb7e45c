"""Operators' journeys through the console, in a real browser: versions, rollouts, keys, and who may do what."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.browsers import CHROMIUM, PHONE, chromium, grave_issues
from tests.canaries import crowd, home_with_candidate, now_at, opened
from tests.console_sites import Site, Tab, console_site, tab_of
from tests.people import PASSWORD
from tests.registries import write_model
from tests.stages import wait_until

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")

PAGES = (
    "/models", "/models/1", "/models/3", "/models/1?files=verify", "/models/history?chain=verify",
    "/models/compare?first=1&second=2", "/rollouts", "/experiments", "/experiments/tests", "/experiments/tests/new",
    "/access", "/access/accounts", "/access/blocks", "/audit", "/audit/accesses", "/audit/chain",
)  # fmt: skip
REASONS = ["ndcg@10 0.1 against 0.2: no better."]


def home_with_three(home: Path) -> Path:
    """A champion, a candidate that passed its gate, and one that did not."""
    home_with_candidate(home)
    with opened(home) as app:
        app.promote(2, actor="ann", reason="better")
        finding = {"gate": "better_than_champion", "outcome": "fail", "reason": REASONS[0], "numbers": {}, "limits": {}}
        app.registry.register(
            write_model,
            name="recommender",
            workload="recommender",
            dataset="made-up",
            snapshot="5eed" * 8,
            code="c0de" * 8,
            hyperparameters={"factors": 4},
            metrics={"ndcg@10": 0.1},
            gate={"verdict": "fail", "reasons": REASONS, "findings": [finding], "idle": []},
            lineage={},
            actor="ann",
        )
    return home


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with console_site(home_with_three(tmp_path_factory.mktemp("console") / "home")) as made:
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.fixture
def tab(browser: Any, site: Site) -> Iterator[Tab]:
    """A tab of who is at this machine, during which nothing may go wrong."""
    with tab_of(browser, site) as made:
        yield made
    assert made.complaints == []


def test_rolling_back_asks_first_takes_a_reason_and_stands_in_the_chained_history(tab: Tab, site: Site) -> None:
    tab.open("/models")
    tab.press("Roll back")
    dialog = tab.page.locator("dialog[open]")
    asked = dialog.inner_text()
    tab.page.keyboard.press("Escape")
    playwright.expect(dialog).to_have_count(0)
    untouched = site.app.registry.champion("recommender")
    tab.press("Roll back")
    tab.fill("Why", "the shop asked for it")
    tab.page.keyboard.press("Enter")
    playwright.expect(tab.said).to_contain_text("Version 1 is the champion again, instead of version 2.")
    tab.page.get_by_role("link", name="Verify the chain").click()
    playwright.expect(tab.said).to_contain_text("The ledger is what was written: 3 entries")

    assert "All users meet version 1 again, instead of version 2." in asked
    assert untouched is not None
    assert untouched.number == 2
    [latest, *_] = tab.page.locator(".moves > li").all_inner_texts()
    assert "rolled back" in latest
    assert "the shop asked for it" in latest
    site.app.promote(2, actor="ann", reason="back to where it was")


def test_a_version_that_failed_its_gate_is_refused_with_the_gates_reasons(tab: Tab, site: Site) -> None:
    tab.open("/models/3")
    tab.press("Promote")
    warned = tab.page.locator("dialog[open]").inner_text()
    tab.fill("Why", "I like it")
    tab.press("Promote")
    playwright.expect(tab.said).to_contain_text(REASONS[0])

    assert REASONS[0] in warned
    assert [each.to_number for each in site.app.versions.promotions("recommender")][-1] == 2


def test_a_key_is_shown_once_is_used_and_is_refused_from_its_revocation_on(tab: Tab, site: Site) -> None:
    tab.open("/access")
    tab.press("Create a key")
    tab.fill("What it is for", "night shift")
    tab.page.locator("dialog[open]").get_by_label("operator").check()
    tab.press("Create a key")
    secret = tab.page.get_by_label("The key").input_value()
    asked = [_ask(site, secret)]
    tab.page.get_by_role("link", name="I have it").click()
    playwright.expect(tab.page.get_by_label("The key")).to_have_count(0)
    kept = tab.page.content()
    tab.press("Revoke")
    tab.fill("Why", "found in a repository")
    tab.press("Revoke")
    playwright.expect(tab.said).to_contain_text("night shift is revoked")
    asked.append(_ask(site, secret))

    assert secret.startswith("tacit_live_")
    assert secret not in kept
    assert asked == [200, 401]
    [revoked, *_] = site.app.audit.entries(limit=1)
    assert (revoked.action, revoked.facts) == ("key_revoked", {"reason": "found in a repository"})


def _ask(site: Site, key: str) -> int:
    return httpx2.get(f"{site.address}/api/v1/models", headers={"X-API-Key": key}).status_code


def test_who_may_only_look_sees_no_button_that_acts_and_is_refused_by_pages_and_interface(
    browser: Any, site: Site
) -> None:
    looking = site.key(scopes=["operations:read"])
    with tab_of(browser, site, key=looking) as tab:
        buttons = set()
        for path in ("/models", "/models/3", "/rollouts", "/experiments/tests"):
            tab.open(path)
            buttons |= {each.strip() for each in tab.page.locator("main button").all_inner_texts()}
        rail = tab.page.locator("#rail nav").inner_text()
    headers = {"X-API-Key": looking, "Content-Type": "application/x-www-form-urlencoded"}
    with httpx2.Client(base_url=site.address, headers=headers) as client:
        posts = [
            client.post(path, content="reason=x").status_code
            for path in (
                "/console/models/rollback",
                "/console/models/3/promote",
                "/console/rollouts",
                "/console/access",
            )
        ]
        posts.append(client.post("/api/v1/rollouts", json={"version": 3, "reason": "x"}).status_code)
        pages = [client.get(f"/console{path}").status_code for path in ("/access", "/audit", "/audit/head", "/models")]

    assert tab.complaints == []
    assert buttons == set()
    assert "Access" not in rail
    assert posts == [403] * 5
    assert pages == [403, 403, 403, 200]


@pytest.mark.slow
def test_a_reader_who_signs_in_is_told_that_the_console_is_not_theirs(browser: Any, site: Site) -> None:
    site.app.people.desk.create("rea", PASSWORD, role="reader", actor="root")
    with tab_of(browser, site) as tab:
        tab.page.goto("/signin?next=/console/models")
        tab.page.get_by_label("Login").fill("rea")
        tab.page.get_by_label("Password").fill(PASSWORD)
        tab.page.get_by_role("button", name="Sign in").click()
        tab.page.wait_for_url(f"{site.address}/console/models")
        heading, text = tab.page.locator("h1").inner_text(), tab.page.locator("body").inner_text()

    assert heading == "Not with these credentials"
    assert "recommender" not in text


SOON = {
    "rollout.bake_minutes": 0.04, "rollout.watch_minutes": 0.04, "rollout.min_mirrored": 30,
    "rollout.min_requests": 30, "rollout.min_users": 10, "rollout.clicks": "ignored",
    "rollout.every_seconds": 0.2, "rollout.settling_seconds": 0.4, "serving.refresh_seconds": 0.2,
}  # fmt: skip
"""Stages of seconds, on a server that looks often."""


@pytest.mark.slow
def test_a_canary_is_watched_from_its_start_until_it_is_the_champion_without_a_reload(
    browser: Any, tmp_path: Path
) -> None:
    home = home_with_candidate(tmp_path / "home")
    seen: list[str] = []
    with console_site(home, **SOON) as site, tab_of(browser, site) as tab, crowd(site.address):
        tab.open("/rollouts")
        tab.press("Start a rollout")
        tab.fill("Steps, in percent of the users", "25, 100")
        tab.fill("Why", "it passed its gate")
        tab.press("Start a rollout")
        playwright.expect(tab.said).to_contain_text("Version 2 is on its way")

        def is_over() -> bool:
            now = tab.page.locator(".stages [aria-current] span:first-child")
            seen.extend(each for each in now.all_inner_texts() if each not in seen)
            tab.page.wait_for_timeout(50)
            return bool(tab.page.get_by_text("No rollout is under way").count())

        loaded = tab.page.evaluate("performance.timeOrigin")
        wait_until(is_over, seconds=90)
        before = tab.page.get_by_role("region", name="Rollouts before").locator("tbody tr").first
        playwright.expect(before).to_contain_text("Done")
        assert tab.page.evaluate("performance.timeOrigin") == loaded
        tab.open("/models")
        champion = tab.page.locator("tr", has_text="champion").locator("th").inner_text()
        ended = now_at(site.app)

    assert ended.state == "done"
    assert champion == "2"
    assert [each.replace("\N{NARROW NO-BREAK SPACE}", " ") for each in seen][-1] == "Watch"
    assert len(seen) >= 3
    assert tab.complaints == []


@pytest.mark.slow
def test_a_rollout_is_aborted_with_a_reason_which_stands_in_the_list_of_those_before(
    browser: Any, tmp_path: Path
) -> None:
    with console_site(home_with_candidate(tmp_path / "home")) as site, tab_of(browser, site) as tab:
        tab.open("/rollouts")
        tab.press("Start a rollout")
        tab.fill("Why", "a trial")
        tab.press("Start a rollout")
        tab.press("Abort")
        tab.fill("Why", "not today")
        tab.press("Abort")
        playwright.expect(tab.said).to_contain_text("It was ended")
        row = tab.page.get_by_role("region", name="Rollouts before").locator("tbody tr").inner_text()

    assert "Aborted" in row
    assert "not today" in row
    assert tab.complaints == []


@pytest.mark.slow
def test_an_ab_test_is_planned_mended_started_and_stopped(tab: Tab, site: Site) -> None:
    tab.open("/experiments/tests/new")
    tab.page.get_by_label("What it is about").fill("Fewer factors")
    tab.page.get_by_label("Percent of the users").first.fill("40")
    tab.page.get_by_label("Answered by").nth(1).select_option("1")
    tab.press("Write it down")
    playwright.expect(tab.said).to_contain_text("The shares of the arms sum to 0.9, not to 1.")
    tab.page.get_by_label("Percent of the users").first.fill("50")
    tab.press("Write it down")
    playwright.expect(tab.page.locator("h1")).to_have_text("Fewer factors")
    tab.press("Start")
    tab.press("Start")
    playwright.expect(tab.page.locator("#ab-report")).to_contain_text("Too few users")
    tab.press("Stop")
    tab.fill("Why", "enough of it")
    tab.press("Stop")
    playwright.expect(tab.page.locator("#ab-report")).to_contain_text("enough of it")

    assert site.app.traffic_plan().split is None
    # The refusal is an answer of its own, which a browser notes.
    tab.complaints[:] = [each for each in tab.complaints if "422" not in each]


@pytest.mark.slow
def test_people_are_given_accounts_locked_out_and_let_in_and_callers_are_kept_out(tab: Tab, site: Site) -> None:
    tab.open("/access/accounts")
    tab.press("Create an account")
    tab.fill("Login", "bea")
    tab.fill("Password", PASSWORD)
    tab.page.locator("dialog[open]").get_by_label("operator").check()
    tab.press("Create an account")
    playwright.expect(tab.page.locator("h1")).to_have_text("bea")
    for act, state in (("Lock", True), ("Unlock", False)):
        tab.press(act)
        tab.press(act)
        wait_until(lambda state=state: site.app.people.desk.found("bea").is_disabled is state)
        playwright.expect(tab.page.locator("h1")).to_have_text("bea")
    tab.open("/access/blocks")
    tab.press("Block a caller")
    tab.fill("Who", "203.0.113.7")
    tab.fill("Why", "asked for everybody")
    tab.press("Block a caller")
    playwright.expect(tab.said).to_contain_text("203.0.113.7 is kept out")
    tab.press("Lift")
    tab.fill("Why", "it was us")
    tab.press("Lift")
    playwright.expect(tab.said).to_contain_text("203.0.113.7 is let in again")


@pytest.mark.slow
def test_a_trail_that_somebody_changed_is_found_out_with_the_very_entry(tab: Tab, site: Site) -> None:
    tab.open("/audit/chain")
    tab.press("Verify the chain")
    playwright.expect(tab.said).to_contain_text("are what was written")
    with site.app.people.database.writing() as connection:
        connection.exec_driver_sql("DROP TRIGGER audit_refuse_update")
        connection.exec_driver_sql("UPDATE audit SET actor = 'nobody' WHERE sequence = 2")
    tab.open("/audit/chain")
    tab.press("Verify the chain")
    playwright.expect(tab.said).to_contain_text("row 2 is the first that is not what was written")
    broken = tab.page.locator(".card", has_text="Row 2, as it stands there now").inner_text()
    with site.app.people.database.writing() as connection:
        connection.exec_driver_sql("UPDATE audit SET actor = 'ann' WHERE sequence = 2")

    assert "nobody" in broken


@pytest.mark.slow
@pytest.mark.timeout(170)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_of_these_pages(browser: Any, site: Site, scheme: str) -> None:
    found: dict[str, list[str]] = {}
    for viewport in ({"width": 1440, "height": 900}, PHONE):
        with tab_of(browser, site, color_scheme=scheme, viewport=viewport, bypass_csp=True) as tab:
            for path in PAGES:
                tab.open(path)
                wide = tab.page.evaluate("document.documentElement.scrollWidth") > viewport["width"]
                problems = [*grave_issues(tab.page), *(["it scrolls sideways"] if wide else [])]
                found |= {f"{path} {viewport['width']}": problems} if problems else {}

    assert found == {}
