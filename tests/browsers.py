"""A real browser, and applications behind a real server for it to open."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from tacit.entrypoints.api.server import ApiServer

CHROMIUM = next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run",
]  # fmt: skip
DESK, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
AXE = Path(__file__).parent / "vendor" / "axe.min.js"


@contextmanager
def chromium(*more: str) -> Iterator[Any]:
    """A browser of one's own, with more arguments."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, *more])
        yield browser
        browser.close()


@contextmanager
def served(app: Any) -> Iterator[str]:
    """The address of an application behind a real server; streams must not keep it from leaving."""
    server = ApiServer(app, port=0)
    running = threading.Thread(target=server.run, daemon=True)
    running.start()
    try:
        yield server.address
    finally:
        server.stop()
        running.join(15)
        assert not running.is_alive(), "the server did not leave"


class Slowed:
    """An application that answers some addresses late, as over a bad line.

    Attributes:
        state: The application's own.
        seconds: By how much, by the beginning of `METHOD /path?query`; may be changed while it runs.
        asked: What was answered, in order.
    """

    def __init__(self, app: Starlette) -> None:
        self._app, self.state = app, app.state
        self.seconds: dict[str, float] = {}
        self.asked: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        line = f"{scope.get('method', '')} {scope.get('path', '')}?{scope.get('query_string', b'').decode()}"
        held = next((seconds for start, seconds in self.seconds.items() if line.startswith(start)), 0.0)

        async def late(message: Any) -> None:
            if message["type"] == "http.response.start":
                await asyncio.sleep(held)
                self.asked.append(line.rstrip("?"))
            await send(message)

        await self._app(scope, receive, late)


def with_long_names(page: Any) -> None:
    """Have everything that the page names be called something long, a part of which is one long word."""
    page.evaluate(
        """() => {
          const names = "h1.identity, .name, .title, .kinds, .because";
          const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
          const texts = [];
          while (walker.nextNode()) if (walker.currentNode.data.trim()) texts.push(walker.currentNode);
          for (const text of texts) {
            const named = text.parentElement.closest(names);
            if (named && !text.parentElement.closest("button, .badge")) text.data += " long " + "and".repeat(40);
          }
        }"""
    )


def grave_issues(page: Any) -> list[str]:
    """What axe-core calls serious or critical on a page as it stands there."""
    # Past the policy of the page, which would not let a file of the tests in.
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{each['id']}: {[node['html'][:120] for node in each['nodes'][:3]]}"
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
    ]
