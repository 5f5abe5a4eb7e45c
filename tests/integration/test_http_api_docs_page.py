"""The interface's page in a real browser: its files load under its own policy, and an operation can be tried."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browsers import CHROMIUM
from tests.stages import served, stage

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")


def test_an_operation_is_tried_on_the_page_and_nothing_is_complained_of(tmp_path: Path) -> None:
    complaints: list[str] = []
    with stage(tmp_path) as made, playwright.sync_playwright() as started:
        made.release()
        with served(made) as client:
            browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
            tab = browser.new_page()
            tab.on("console", lambda said: said.type in {"error", "warning"} and complaints.append(said.text))
            tab.on("pageerror", lambda error: complaints.append(str(error)))
            tab.goto(f"{client.base_url}/docs")
            tab.get_by_text("/api/v1/users/{user_id}/recommendations").first.click()
            form = tab.locator("details[open] form")
            form.locator("[name=user_id]").fill("u000")
            form.locator("[name=limit]").fill("2")
            form.get_by_role("button").click()
            playwright.expect(form.locator("output")).to_contain_text('"source": "personal"')
            told = form.locator("output").inner_text()
            browser.close()

    assert told.startswith("GET /api/v1/users/u000/recommendations?limit=2\n200 application/json")
    assert complaints == []
