"""Words that can fail: the map, the decisions and the changelog, checked against what they speak of (rule R18)."""

from __future__ import annotations

import re
from pathlib import Path

SECTIONS = ("Context", "Decision", "Consequences", "Kept by")
CHANGES = frozenset({"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"})
MAP = re.compile(r"```text\nsrc/tacit/\n(.*?)```", re.DOTALL)
ENTRY = re.compile(r"(?P<indent>(?:[│ ]   )*)[├└]── (?P<name>[\w.]+)")
RELEASE = re.compile(r"\[(\d+\.\d+\.\d+)\] - (\d{4}-\d{2}-\d{2})")
KEPT_BY = re.compile(r"`((?:tests|tools)/[\w/]+\.py)(?:::(\w+))?`")


def map_entries(page: str) -> tuple[str, ...]:
    """The paths that a page's map of `src/tacit` lists, relative to the package, in its order.

    Raises:
        ValueError: If the page has no fenced `text` listing that begins with `src/tacit/`.
    """
    found = MAP.search(page)
    if found is None:
        raise ValueError("the page has no map: a fenced ```text listing that begins with src/tacit/")
    paths: list[str] = []
    above: list[str] = []
    for entry in filter(None, map(ENTRY.match, found[1].splitlines())):
        above = [*above[: len(entry["indent"]) // 4], entry["name"]]
        paths.append("/".join(above))
    return tuple(paths)


def map_findings(page: str, package: Path, rooms: tuple[str, ...]) -> list[str]:
    """Rooms that the map leaves out, and entries that lead nowhere."""
    entries = map_entries(page)
    listed = {entry.removesuffix(".py") for entry in entries}
    return [
        *(f"the map leaves out the room {room}" for room in rooms if room not in listed),
        *(f"the map lists {entry}, which does not exist" for entry in entries if not (package / entry).exists()),
    ]


def decision_findings(folder: Path, root: Path) -> list[str]:
    """What is wrong with the decisions: numbering, index, sections, and guards that do not exist."""
    index = (folder / "README.md").read_text("utf-8")
    pages = sorted(folder.glob("[0-9]*.md"))
    found = []
    for expected, page in enumerate(pages, 1):
        number, _, _ = page.stem.partition("-")
        title = page.read_text("utf-8").splitlines()[0].removeprefix(f"# {number} ")
        if number != f"{expected:04}":
            found.append(f"{page.name}: the next number is {expected:04}")
        if f"| [{number}]({page.name}) | {title} |" not in index:
            found.append(f"{page.name}: the index does not list it as *{title}*")
        found += _page_findings(page, root)
    listed = re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", index)
    return found + [f"the index lists {name}, which does not exist" for name in listed if not (folder / name).exists()]


def _page_findings(page: Path, root: Path) -> list[str]:
    text = page.read_text("utf-8")
    headings = tuple(re.findall(r"^## (.+)$", text, re.MULTILINE))
    guards = KEPT_BY.findall(text.rpartition("## Kept by")[2])
    return [
        *([] if headings == SECTIONS else [f"{page.name}: its sections are {headings}, not {SECTIONS}"]),
        *(
            []
            if re.search(r"^Status: (accepted|replaced by \d{4})$", text, re.MULTILINE)
            else [f"{page.name}: no status"]
        ),
        *(
            []
            if guards or "review" in text.rpartition("## Kept by")[2]
            else [f"{page.name}: names nothing that keeps it"]
        ),
        *(f"{page.name}: {path}::{test} does not exist" for path, test in guards if not _exists(root / path, test)),
    ]


def _exists(path: Path, test: str) -> bool:
    return path.is_file() and (not test or f"def {test}(" in path.read_text("utf-8"))


def changelog_findings(page: str) -> list[str]:
    """What is wrong with a changelog in the form of *Keep a Changelog*."""
    releases = re.findall(r"^## (.+)$", page, re.MULTILINE)
    kinds = re.findall(r"^### (.+)$", page, re.MULTILINE)
    dated = [RELEASE.fullmatch(release) for release in releases[1:]]
    versions = [tuple(map(int, found[1].split("."))) for found in dated if found]
    return [
        *([] if page.startswith("# Changelog\n") else ["it does not open with `# Changelog`"]),
        *([] if releases[:1] == ["[Unreleased]"] else ["its first section is not `[Unreleased]`"]),
        *(
            f"`{release}` is not `[1.2.3] - 2026-01-31`"
            for release, ok in zip(releases[1:], dated, strict=True)
            if not ok
        ),
        *([] if versions == sorted(versions, reverse=True) else ["its releases are not newest first"]),
        *(f"`{kind}` is none of {', '.join(sorted(CHANGES))}" for kind in kinds if kind not in CHANGES),
    ]
