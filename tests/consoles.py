"""A console on real parts behind a real server, and tabs of a real browser in which nothing may go wrong."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
from playwright.sync_api import Browser, Locator, Page

from tacit.bootstrap import App, Serving, build, load_settings, serving
from tacit.entrypoints.api.callers import identified
from tacit.entrypoints.api.gatehouse import checkpoints_of
from tacit.entrypoints.api.operations import further_routes
from tacit.entrypoints.console.pages import Watchers, console
from tacit.entrypoints.storefront.pages import storefront
from tacit.entrypoints.storefront.signing_in import sign_in_pages
from tacit.monitoring import metrics as catalogue
from tacit.monitoring.recent import RecentFigures
from tacit.security.key_wishes import wish_of
from tests.apis import api_of
from tests.browsers import DESK, Slowed, grave_issues, served
from tests.stages import stage

PAGES = (
    "/console",
    "/console/data",
    "/console/data/quarantine",
    "/console/data/quarantine/{entry}",
    "/console/jobs",
    "/console/jobs/new",
    "/console/jobs/{job}",
    "/console/alerts",
    "/console/drift",
    "/console/settings",
)
"""Pages of what comes in, what is done, what is wrong, and what is set."""


@dataclass(frozen=True)
class Site:
    """A console that can be opened, and what stands behind it.

    Attributes:
        line: Over which it is asked; as good as it gets unless told otherwise.
    """

    app: App
    parts: Serving
    recent: RecentFigures
    line: Slowed
    address: str

    @cached_property
    def looker(self) -> str:
        """A key that may look, and not act."""
        return self.key(scopes=["operations:read"])

    def key(self, **said: object) -> str:
        """A new key."""
        desk = self.app.keys.desk
        return desk.create(wish_of({"name": "x", **said}, now_ms=desk.now_ms()), actor="ann").text

    def asks(self, path: str, body: object | None = None, **headers: str) -> httpx2.Response:
        """What the interface answers, as a program asks it."""
        method = "GET" if body is None else "POST"
        return httpx2.request(method, self.address + path, json=body, headers=headers, timeout=10)

    def sent(self, name: str, item_id: str = "ghost") -> int:
        """Send an event; the number of its entry in quarantine, once it is there."""
        before = set(self._held())
        event = {"event_id": name, "user_id": "u000", "item_id": item_id, "type": "play"}
        self.asks("/api/v1/events", event)
        until = time.monotonic() + 10
        while not (new := set(self._held()) - before):
            assert time.monotonic() < until
            time.sleep(0.02)
        return new.pop()

    def _held(self) -> list[int]:
        return [each.quarantine_id for each in self.app.event_store.quarantined(limit=1_000)]

    def job(self) -> str:
        """A job that came to nothing, for there is nothing to learn from."""
        known = self.asks("/api/v1/training/jobs").json()["jobs"]
        if known:
            return str(known[0]["job_id"])
        return str(self.asks("/api/v1/training/train", {"model_type": "als"}).json()["job_id"])


@contextmanager
def console_site(home: Path, watchers: Watchers | None = None, **flags: object) -> Iterator[Site]:
    """The console over a home; who sends no credentials may everything, as at one's own machine."""
    with ExitStack() as stack:
        app = stack.enter_context(build(load_settings(flags={"home": home, **flags}, environ={})))
        parts = stack.enter_context(serving(app))
        people = app.people
        known = identified(app, more=[people.token_checker], cookies=[people.session_checker])
        desk = console(app, parts, watchers)
        shop = storefront(parts.service, dataset=lambda: "made-up", has_sign_in=True)
        api = api_of(
            parts,
            quarantine=app.quarantine,
            extra_routers=[
                *further_routes(app, parts),
                shop.router(),
                sign_in_pages(app, parts, lambda: "made-up"),
                *desk.routers,
            ],
            background=desk.background,
            checkpoints=checkpoints_of(app, parts, stack.enter_context(known)),
            refusal_page=desk.failure_or(shop.failure),
        )
        line = Slowed(api)
        with served(line) as address:
            yield Site(app, parts, desk.recent, line, address)


@contextmanager
def console_in(folder: Path, watchers: Watchers | None = None) -> Iterator[Site]:
    """The same over a home of its own, with a champion, and traffic as if minutes had gone by."""
    with stage(folder / "home") as made:
        made.release()
    with console_site(folder / "home", watchers, **{"als.engine": "numpy"}) as site:
        _some_minutes(site.recent, site.parts)
        yield site


def _some_minutes(recent: RecentFigures, parts: Serving) -> None:
    """Traffic as if minutes had gone by."""
    now = int(time.time() * 1_000)
    for minute in range(8, 0, -1):
        for name, count in (("personal", 40 + minute), ("popular", 9)):
            parts.metrics.increment(catalogue.RECOMMENDATIONS, count, source=name)
            parts.metrics.increment(
                catalogue.HTTP_REQUESTS, count, method="GET", route="/api/v1/popular", status="200"
            )  # fmt: skip
        parts.metrics.observe(catalogue.HTTP_DURATION, 0.004 * minute, method="GET", route="/api/v1/popular")
        recent.take(now - minute * 60_000)


@dataclass(frozen=True)
class Visit:
    """A tab, and everything in it that a visit without incident leaves empty.

    Attributes:
        complaints: Errors and warnings of the browser, policy violations among them.
        hosts: Every host that was asked for anything.
    """

    tab: Page
    complaints: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def open(self, path: str) -> None:
        self.tab.goto(path)

    def press(self, name: str) -> None:
        """Press the button of a name; in the dialog that is open if there is one, which is then to close."""
        dialog = self.tab.locator("dialog[open]")
        is_asked = bool(dialog.count())
        (dialog if is_asked else self.tab).get_by_role("button", name=name, exact=True).click()
        if is_asked:
            dialog.wait_for(state="hidden")

    def fill(self, label: str, text: str) -> None:
        """Fill a field of the dialog that is open."""
        self.tab.locator("dialog[open]").get_by_label(label).fill(text)

    @property
    def said(self) -> Locator:
        """What the page says of what was just done."""
        return self.tab.locator("main > .notice:not(#offline)").first

    def heading(self) -> str:
        return self.tab.get_by_role("heading", level=1).inner_text()

    def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        return int(self.tab.evaluate("document.documentElement.scrollWidth - window.innerWidth"))

    def issues(self) -> list[str]:
        """What axe-core calls serious or critical."""
        return grave_issues(self.tab)


@contextmanager
def visiting(browser: Browser, address: str, *, key: str | None = None, **more: Any) -> Iterator[Visit]:
    """A visit during which nothing may go wrong, whatever else it is for; with a key, of whoever has it."""
    headers = {} if key is None else {"X-API-Key": key}
    options = {"viewport": DESK, "extra_http_headers": headers, **more}
    context = browser.new_context(base_url=address, **options)
    visit = Visit(context.new_page())
    visit.tab.set_default_timeout(10_000)
    visit.tab.on("console", lambda said: said.type in {"error", "warning"} and visit.complaints.append(said.text))
    visit.tab.on("pageerror", lambda error: visit.complaints.append(str(error)))
    visit.tab.on("request", lambda request: visit.hosts.add(urlsplit(request.url).netloc))
    yield visit
    context.close()
    assert visit.complaints == []
    assert visit.hosts <= {urlsplit(address).netloc}
