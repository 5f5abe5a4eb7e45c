"""Operators' journeys through the console, in a real browser: versions, rollouts, keys, and who may do what."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.browsers import CHROMIUM, PHONE, chromium
from tests.canaries import crowd, home_with_candidate, now_at, opened
from tests.consoles import Site, Visit, console_site, visiting
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
def visit(browser: Any, site: Site) -> Iterator[Visit]:
    """A visit of who is at this machine, during which nothing may go wrong."""
    with visiting(browser, site.address) as begun:
        yield begun


def test_rolling_back_asks_first_takes_a_reason_and_stands_in_the_chained_history(visit: Visit, site: Site) -> None:
    visit.open("/console/models")
    visit.press("Roll back")
    dialog = visit.tab.locator("dialog[open]")
    asked = dialog.inner_text()
    visit.tab.keyboard.press("Escape")
    playwright.expect(dialog).to_have_count(0)
    untouched = site.app.registry.champion("recommender")
    visit.press("Roll back")
    visit.fill("Why", "the shop asked for it")
    visit.tab.keyboard.press("Enter")
    playwright.expect(visit.said).to_contain_text("Version 1 is the champion again, instead of version 2.")
    visit.tab.get_by_role("link", name="Verify the chain").click()
    playwright.expect(visit.said).to_contain_text("The ledger is what was written: 3 entries")

    assert "All users meet version 1 again, instead of version 2." in asked
    assert untouched is not None
    assert untouched.number == 2
    [latest, *_] = visit.tab.locator(".moves > li").all_inner_texts()
    assert "rolled back" in latest
    assert "the shop asked for it" in latest
    site.app.promote(2, actor="ann", reason="back to where it was")


@pytest.mark.slow
def test_a_version_that_failed_its_gate_is_refused_with_the_gates_reasons(visit: Visit, site: Site) -> None:
    visit.open("/console/models/3")
    visit.press("Promote")
    warned = visit.tab.locator("dialog[open]").inner_text()
    visit.fill("Why", "I like it")
    visit.press("Promote")
    playwright.expect(visit.said).to_contain_text(REASONS[0])

    assert REASONS[0] in warned
    assert [each.to_number for each in site.app.versions.promotions("recommender")][-1] == 2


def test_a_key_is_shown_once_is_used_and_is_refused_from_its_revocation_on(visit: Visit, site: Site) -> None:
    visit.open("/console/access")
    visit.press("Create a key")
    visit.fill("What it is for", "night shift")
    visit.tab.locator("dialog[open]").get_by_label("operator").check()
    visit.press("Create a key")
    secret = visit.tab.get_by_label("The key").input_value()
    asked = [_ask(site, secret)]
    visit.tab.get_by_role("link", name="I have it").click()
    playwright.expect(visit.tab.get_by_label("The key")).to_have_count(0)
    kept = visit.tab.content()
    visit.press("Revoke")
    visit.fill("Why", "found in a repository")
    visit.press("Revoke")
    playwright.expect(visit.said).to_contain_text("night shift is revoked")
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
    with visiting(browser, site.address, key=looking) as visit:
        buttons = set()
        for path in ("/models", "/models/3", "/rollouts", "/experiments/tests"):
            visit.open(f"/console{path}")
            buttons |= {each.strip() for each in visit.tab.locator("main button").all_inner_texts()}
        rail = visit.tab.locator("#rail nav").inner_text()
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

    assert buttons == set()
    assert "Access" not in rail
    assert posts == [403] * 5
    assert pages == [403, 403, 403, 200]


@pytest.mark.slow
def test_a_reader_who_signs_in_is_told_that_the_console_is_not_theirs(browser: Any, site: Site) -> None:
    site.app.people.desk.create("rea", PASSWORD, role="reader", actor="root")
    with visiting(browser, site.address) as visit:
        visit.tab.goto("/signin?next=/console/models")
        visit.tab.get_by_label("Login").fill("rea")
        visit.tab.get_by_label("Password").fill(PASSWORD)
        visit.tab.get_by_role("button", name="Sign in").click()
        visit.tab.wait_for_url(f"{site.address}/console/models")
        heading, text = visit.tab.locator("h1").inner_text(), visit.tab.locator("body").inner_text()
        visit.complaints.clear()  # the browser says that an answer was a refusal

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
    with console_site(home, **SOON) as site, visiting(browser, site.address) as visit, crowd(site.address):
        visit.open("/console/rollouts")
        visit.press("Start a rollout")
        visit.fill("Steps, in percent of the users", "25, 100")
        visit.fill("Why", "it passed its gate")
        visit.press("Start a rollout")
        playwright.expect(visit.said).to_contain_text("Version 2 is on its way")

        def is_over() -> bool:
            now = visit.tab.locator(".stages [aria-current] span:first-child")
            seen.extend(each for each in now.all_inner_texts() if each not in seen)
            visit.tab.wait_for_timeout(50)
            return bool(visit.tab.get_by_text("No rollout is under way").count())

        loaded = visit.tab.evaluate("performance.timeOrigin")
        wait_until(is_over, seconds=90)
        before = visit.tab.get_by_role("region", name="Rollouts before").locator("tbody tr").first
        playwright.expect(before).to_contain_text("Done")
        assert visit.tab.evaluate("performance.timeOrigin") == loaded
        visit.open("/console/models")
        champion = visit.tab.locator("tr", has_text="champion").locator("th").inner_text()
        ended = now_at(site.app)

    assert ended.state == "done"
    assert champion == "2"
    assert [each.replace("\N{NARROW NO-BREAK SPACE}", " ") for each in seen][-1] == "Watch"
    assert len(seen) >= 3


@pytest.mark.slow
def test_a_rollout_is_aborted_with_a_reason_which_stands_in_the_list_of_those_before(
    browser: Any, tmp_path: Path
) -> None:
    with console_site(home_with_candidate(tmp_path / "home")) as site, visiting(browser, site.address) as visit:
        visit.open("/console/rollouts")
        visit.press("Start a rollout")
        visit.fill("Why", "a trial")
        visit.press("Start a rollout")
        visit.press("Abort")
        visit.fill("Why", "not today")
        visit.press("Abort")
        playwright.expect(visit.said).to_contain_text("It was ended")
        row = visit.tab.get_by_role("region", name="Rollouts before").locator("tbody tr").inner_text()

    assert "Aborted" in row
    assert "not today" in row


@pytest.mark.slow
def test_an_ab_test_is_planned_mended_started_and_stopped(visit: Visit, site: Site) -> None:
    visit.open("/console/experiments/tests/new")
    visit.tab.get_by_label("What it is about").fill("Fewer factors")
    visit.tab.get_by_label("Percent of the users").first.fill("40")
    visit.tab.get_by_label("Answered by").nth(1).select_option("1")
    visit.press("Write it down")
    playwright.expect(visit.said).to_contain_text("The shares of the arms sum to 0.9, not to 1.")
    visit.tab.get_by_label("Percent of the users").first.fill("50")
    visit.press("Write it down")
    playwright.expect(visit.tab.locator("h1")).to_have_text("Fewer factors")
    visit.press("Start")
    visit.press("Start")
    playwright.expect(visit.tab.locator("#ab-report")).to_contain_text("Too few users")
    visit.press("Stop")
    visit.fill("Why", "enough of it")
    visit.press("Stop")
    playwright.expect(visit.tab.locator("#ab-report")).to_contain_text("enough of it")

    assert site.app.traffic_plan().split is None
    # The refusal is an answer of its own, which a browser notes.
    visit.complaints[:] = [each for each in visit.complaints if "422" not in each]


@pytest.mark.slow
def test_people_are_given_accounts_locked_out_and_let_in_and_callers_are_kept_out(visit: Visit, site: Site) -> None:
    visit.open("/console/access/accounts")
    visit.press("Create an account")
    visit.fill("Login", "bea")
    visit.fill("Password", PASSWORD)
    visit.tab.locator("dialog[open]").get_by_label("operator").check()
    visit.press("Create an account")
    playwright.expect(visit.tab.locator("h1")).to_have_text("bea")
    for act, state in (("Lock", True), ("Unlock", False)):
        visit.press(act)
        visit.press(act)
        wait_until(lambda state=state: site.app.people.desk.found("bea").is_disabled is state)
        playwright.expect(visit.tab.locator("h1")).to_have_text("bea")
    visit.open("/console/access/blocks")
    visit.press("Block a caller")
    visit.fill("Who", "203.0.113.7")
    visit.fill("Why", "asked for everybody")
    visit.press("Block a caller")
    playwright.expect(visit.said).to_contain_text("203.0.113.7 is kept out")
    visit.press("Lift")
    visit.fill("Why", "it was us")
    visit.press("Lift")
    playwright.expect(visit.said).to_contain_text("203.0.113.7 is let in again")


@pytest.mark.slow
def test_a_trail_that_somebody_changed_is_found_out_with_the_very_entry(visit: Visit, site: Site) -> None:
    visit.open("/console/audit/chain")
    visit.press("Verify the chain")
    playwright.expect(visit.said).to_contain_text("are what was written")
    with site.app.people.database.writing() as connection:
        connection.exec_driver_sql("DROP TRIGGER audit_refuse_update")
        connection.exec_driver_sql("UPDATE audit SET actor = 'nobody' WHERE sequence = 2")
    visit.open("/console/audit/chain")
    visit.press("Verify the chain")
    playwright.expect(visit.said).to_contain_text("row 2 is the first that is not what was written")
    broken = visit.tab.locator(".card", has_text="Row 2, as it stands there now").inner_text()
    with site.app.people.database.writing() as connection:
        connection.exec_driver_sql("UPDATE audit SET actor = 'ann' WHERE sequence = 2")

    assert "nobody" in broken


@pytest.mark.slow
@pytest.mark.timeout(170)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_of_these_pages(browser: Any, site: Site, scheme: str) -> None:
    for caller in ("203.0.113.8", "2001:db8:85a3:8d3::/64"):
        form = {"caller": caller, "seconds": "3600", "reason": "asked for everybody"}
        headers = {"Origin": site.address}
        assert httpx2.post(f"{site.address}/console/access/blocks", data=form, headers=headers).status_code == 303
    found: dict[str, list[str]] = {}
    for viewport in ({"width": 1440, "height": 900}, PHONE):
        with visiting(browser, site.address, color_scheme=scheme, viewport=viewport) as visit:
            for path in PAGES:
                visit.open(f"/console{path}")
                problems = [*visit.issues(), *(["it scrolls sideways"] if visit.overflow() > 0 else [])]
                found |= {f"{path} {viewport['width']}": problems} if problems else {}

    assert found == {}
