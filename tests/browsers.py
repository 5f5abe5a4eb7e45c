"""A real browser, and applications behind a real server for it to open."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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
