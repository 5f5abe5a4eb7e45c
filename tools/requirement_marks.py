"""A pytest plugin that writes down which tests claim which rows of the checklist, and how they fared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

NOT_RUN = "not run"
"""Outcome of a test that was collected and then deselected."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--claims-to", type=Path, required=True, help="file to write the claims and outcomes to, as JSON")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "requirement(id): the row of the requirements checklist that this test proves")
    config.pluginmanager.register(Claims(config.getoption("--claims-to")), "requirement-claims")


class Claims:
    """Collects the claims of one test run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: dict[str, list[str]] = {}
        self.outcomes: dict[str, str] = {}

    @pytest.hookimpl(tryfirst=True)  # before `-m` deselects: a misspelt id in a slow test is misspelt all the same
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            ids = [str(row) for mark in item.iter_markers("requirement") for row in mark.args]
            if ids:
                self.rows[item.nodeid] = ids

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the worst of a test's phases; `passed` needs all three."""
        outcome = "skipped" if report.skipped else report.outcome
        if self.outcomes.get(report.nodeid, "passed") == "passed":
            self.outcomes[report.nodeid] = outcome

    def pytest_sessionfinish(self) -> None:
        claims = [
            {"test": test, "rows": rows, "outcome": self.outcomes.get(test, NOT_RUN)}
            for test, rows in self.rows.items()
        ]
        self.path.write_text(json.dumps(claims), "utf-8")
