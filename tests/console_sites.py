"""The console of an installation on a real server, and tabs of a real browser in which nothing may go wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tacit.bootstrap import App, build, load_settings, serving
from tacit.entrypoints.api.callers import identified
from tacit.entrypoints.api.operations import further_routes
from tacit.entrypoints.api.same_origin import SameOrigin
from tacit.entrypoints.console.pages import console
from tacit.entrypoints.storefront.pages import storefront
from tacit.entrypoints.storefront.signing_in import sign_in_pages
from tacit.security.key_wishes import wish_of
from tests.apis import api_of
from tests.browsers import DESK, served


@dataclass(frozen=True)
class Site:
    """A console that can be asked, and what stands behind it."""

    app: App
    address: str

    def key(self, **said: object) -> str:
        """A new key."""
        desk = self.app.keys.desk
        return desk.create(wish_of({"name": "x", **said}, now_ms=desk.now_ms()), actor="ann").text


@contextmanager
def console_site(home: Path, **flags: object) -> Iterator[Site]:
    """The console over a home; who sends no credentials may everything, as at one's own machine."""
    with ExitStack() as stack:
        app = stack.enter_context(build(load_settings(flags={"home": home, **flags}, environ={})))
        parts = stack.enter_context(serving(app))
        people = app.people
        known = identified(app, more=[people.token_checker], cookies=[people.session_checker])
        shop, made = storefront(parts.service, dataset=lambda: "made-up", has_sign_in=True), console(app, parts)
        api = api_of(
            parts,
            quarantine=app.quarantine,
            extra_routers=[
                *further_routes(app, parts),
                shop.router(),
                sign_in_pages(app, parts, lambda: "made-up"),
                *made.routers,
            ],
            background=made.background,
            checkpoints=[SameOrigin(), stack.enter_context(known)],
            refusal_page=shop.failure,
        )
        with served(api) as address:
            yield Site(app, address)


@dataclass(frozen=True)
class Tab:
    """A tab, and what in it a visit without incident leaves empty: errors, warnings, violations of the policy."""

    page: Any
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        self.page.goto(f"/console{path}")

    def press(self, name: str) -> None:
        """Press the button of a name; in the dialog that is open if there is one, which is then to close."""
        within = self.page.locator("dialog[open]")
        is_asked = bool(within.count())
        (within if is_asked else self.page).get_by_role("button", name=name, exact=True).click()
        if is_asked:
            within.wait_for(state="hidden")

    def fill(self, label: str, text: str) -> None:
        self.page.locator("dialog[open]").get_by_label(label).fill(text)

    @property
    def said(self) -> Any:
        """What the page says of what was just done."""
        return self.page.locator("main > .notice:not(#offline)").first


@contextmanager
def tab_of(browser: Any, site: Site, *, key: str | None = None, **options: Any) -> Iterator[Tab]:
    """A tab of somebody: whoever has a key, or who is at this machine."""
    headers = {} if key is None else {"X-API-Key": key}
    context = browser.new_context(base_url=site.address, **{"viewport": DESK, "extra_http_headers": headers, **options})
    context.set_default_timeout(10_000)
    tab = Tab(context.new_page())
    tab.page.on("console", lambda said: said.type in {"error", "warning"} and tab.complaints.append(said.text))
    tab.page.on("pageerror", lambda error: tab.complaints.append(str(error)))
    yield tab
    context.close()
