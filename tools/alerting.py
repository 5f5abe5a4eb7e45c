"""What is written of alerts: the rules' part of each runbook, and the files under `deploy`.

`python -m tools.alerting` writes them; a test sees that they are as it would write them.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tacit.bootstrap.alerting import ALERTMANAGER_FILE, monitoring_files, rules_of
from tacit.monitoring.alerting.runbooks import index, renewed, skeleton
from tacit.settings import load_settings
from tools.guards.source import ROOT

RUNBOOKS = ROOT / "docs" / "runbooks"
INDEX = RUNBOOKS / "README.md"
DEPLOY = ROOT / "deploy"
ALL_WORKLOADS = {"alerts.vision_routes": "/api/v1/vision/.*"}
"""Runbooks tell of every rule that there may be."""


def main(arguments: Sequence[str]) -> int:
    """Write all of them, or with `--check` say which are not as they would be written; returns the exit code."""
    pages = {**runbook_pages(), **deployed_files()}
    stale = [path for path, text in pages.items() if not path.exists() or path.read_text("utf-8") != text]
    if "--check" in arguments:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is stale: run make docs")
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(pages[path], "utf-8")
    return 0


def runbook_pages() -> Mapping[Path, str]:
    """Every runbook and their index as they should be: what people wrote, and what follows from the rules.

    Raises:
        FileNotFoundError: An alert has no runbook.
    """
    rules = rules_of(load_settings(environ={}, flags=ALL_WORKLOADS).settings)
    pages = {INDEX: renewed(INDEX.read_text("utf-8"), index(rules))}
    for slug in sorted({rule.runbook for rule in rules}):
        path, own = RUNBOOKS / f"{slug}.md", [rule for rule in rules if rule.runbook == slug]
        pages[path] = renewed(path.read_text("utf-8"), skeleton(own))
    return pages


def deployed_files() -> Mapping[Path, str]:
    """What Prometheus and Alertmanager read with the settings as they are shipped."""
    settings = load_settings(environ={}).settings
    folder = DEPLOY / "prometheus"
    files = monitoring_files(
        settings, ["127.0.0.1:9000"], alertmanager="127.0.0.1:9093", prometheus="127.0.0.1:9090"
    )  # fmt: skip
    return {
        (DEPLOY / "alertmanager" if name == ALERTMANAGER_FILE else folder) / name: text for name, text in files.items()
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
