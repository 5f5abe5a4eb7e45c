"""Signing in with a real browser: the cookie it keeps, and what another site has it send."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.browsers import CHROMIUM, chromium, served
from tests.people import ANOTHER, PASSWORD, House
from tests.signed_in import people_app, real_clock

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")


@dataclass(frozen=True)
class Site:
    """A server with people, and where it is."""

    house: House
    address: str


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("home")
    house = House(folder, real_clock)
    house.account("root")
    house.account("ann", role="operator")
    with people_app(folder, house) as app, served(app) as address:
        yield Site(house, address)


@pytest.fixture(scope="module")
def browser(site: Site) -> Iterator[playwright.Browser]:
    with chromium("--host-resolver-rules=MAP evil.example 127.0.0.1") as started:
        yield started


@pytest.fixture
def tab(site: Site, browser: playwright.Browser) -> Iterator[playwright.Page]:
    """A tab that may complain about nothing."""
    context = browser.new_context()
    context.set_default_timeout(10_000)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if "401" not in said.text else None)
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    yield page
    context.close()
    assert complaints == []


def sign_in(tab: playwright.Page, site: Site, password: str = PASSWORD) -> None:
    tab.goto(f"{site.address}/account")
    tab.get_by_label("Login").fill("ann")
    tab.get_by_label("Password").fill(password)
    tab.get_by_role("button", name="Sign in").click()


def test_somebody_signs_in_changes_their_password_and_signs_out(site: Site, tab: playwright.Page) -> None:
    sign_in(tab, site, ANOTHER)
    assert "do not belong together" in tab.get_by_role("alert").first.inner_text()
    tab.get_by_label("Password").fill(PASSWORD)
    tab.get_by_role("button", name="Sign in").click()
    tab.wait_for_url(f"{site.address}/account")
    assert tab.get_by_role("heading", level=1).inner_text() == "ann"
    [cookie] = tab.context.cookies()
    assert [cookie[name] for name in ("name", "secure", "httpOnly", "sameSite")] == ["__Host-tacit", True, True, "Lax"]

    tab.get_by_label("The password you have").fill(PASSWORD)
    tab.get_by_label("The one you want").fill(ANOTHER)
    tab.get_by_role("button", name="Change it").click()
    tab.wait_for_url(f"{site.address}/account")
    [changed] = tab.context.cookies()
    assert changed["value"] != cookie["value"]
    assert site.house.sign_ins.session_of(cookie["value"]) is None

    tab.get_by_role("button", name="Sign out").click()
    tab.wait_for_url(f"{site.address}/signin")
    assert tab.context.cookies() == []
    site.house.desk.set_password("ann", PASSWORD, actor="root")


def test_what_another_site_has_a_browser_post_is_refused_and_changes_nothing(
    site: Site, browser: playwright.Browser
) -> None:
    context = browser.new_context()
    tab = context.new_page()
    sign_in(tab, site)
    tab.wait_for_url(f"{site.address}/account")
    # A cookie that is sent across sites too, so that nothing but the check stands in the way.
    [cookie] = context.cookies()
    context.add_cookies([{**cookie, "sameSite": "None", "secure": True}])
    before = len(site.house.acts())
    page = (
        f'<form action="{site.address}/account/sign-ins" method="post"><input name="sign_in" value="all"></form>'
        "<script>document.forms[0].submit()</script>"
    )

    class Evil(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Nothing."""

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

    evil = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Evil)
    threading.Thread(target=evil.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    with tab.expect_response(f"{site.address}/account/sign-ins") as answered:
        tab.goto(f"http://evil.example:{evil.server_port}/", wait_until="commit")
    evil.shutdown()
    evil.server_close()

    assert answered.value.status == 403
    assert len(site.house.acts()) == before
    assert len(site.house.sign_ins.of_account(site.house.desk.found("ann").account_id)) == 1
    context.close()
