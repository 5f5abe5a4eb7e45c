"""Where one can go in the console (pure)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """One entry.

    Attributes:
        key: What a page calls itself by (`here`), and the name of its icon.
        label: What it says.
        path: Where it leads.
        is_secure: Whether it takes `security:admin`; to others it is not shown.
    """

    key: str
    label: str
    path: str
    is_secure: bool = False


GROUPS: tuple[tuple[str, tuple[Entry, ...]], ...] = (
    (
        "Now",
        (
            Entry("overview", "Overview", "/console"),
            Entry("alerts", "Alerts", "/console/alerts"),
            Entry("drift", "Drift", "/console/drift"),
        ),
    ),
    (
        "Models",
        (
            Entry("models", "Models", "/console/models"),
            Entry("rollouts", "Rollouts", "/console/rollouts"),
            Entry("experiments", "Experiments", "/console/experiments"),
            Entry("jobs", "Jobs", "/console/jobs"),
        ),
    ),
    (
        "House",
        (
            Entry("data", "Data", "/console/data"),
            Entry("audit", "Audit", "/console/audit", is_secure=True),
            Entry("access", "Access", "/console/access", is_secure=True),
            Entry("settings", "Settings", "/console/settings"),
        ),
    ),
)
"""The entries by what one is about to do: look what is so now, change what users get, look after the house."""
