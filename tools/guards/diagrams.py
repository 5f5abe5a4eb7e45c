"""What diagrams name exists: modules, commands, files; and whoever is no part of us is on a short list."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path

OUTSIDERS = frozenset(
    {"Listener", "Program", "Operator", "Browser", "Prometheus", "Alertmanager", "Change", "Data"},
)
"""Who is no part of this repository."""
_BLOCK = re.compile(r"```mermaid\n(.*?)```", re.DOTALL)
_LABEL = re.compile(r'(\w+)\s*[\[({]+"([^"]+)"')
_ARROW = re.compile(r"(?:-->|-\.->|--)")


def findings(path: Path, root: Path, commands: Collection[str]) -> list[str]:
    """What a page's diagram names that does not exist.

    Args:
        path: Of the page.
        root: Of the repository.
        commands: Of the program, as `tacit train`.
    """
    blocks = _BLOCK.findall(path.read_text("utf-8"))
    if len(blocks) != 1:
        return [f"{path.name}: {len(blocks)} diagrams; a page has one"]
    said = [
        f"{path.name}: {finding}" for label in _LABEL.findall(blocks[0]) for finding in _of(label[1], root, commands)
    ]
    return said + [f"{path.name}: {name} is drawn nowhere" for name in _undrawn(blocks[0])]


def _of(label: str, root: Path, commands: Collection[str]) -> Iterator[str]:
    said, _, names = label.partition("<br/>")
    if not names and said not in OUTSIDERS:
        yield f"`{said}` names no part of us, and is no outsider"
    yield from (f"{name} does not exist" for name in names.split(", ") if name and not _exists(name, root, commands))


def _exists(name: str, root: Path, commands: Collection[str]) -> bool:
    if name.startswith("tacit "):
        return name in commands
    if name.startswith("make "):
        return f"\n{name.removeprefix('make ')}:" in (root / "Makefile").read_text("utf-8")
    inside = root / "src" / "tacit" / name
    return (root / name).exists() or inside.is_dir() or inside.with_suffix(".py").is_file()


def _undrawn(block: str) -> list[str]:
    """Names that an arrow begins or ends at and that no box has."""
    drawn = {name for name, _ in _LABEL.findall(block)}
    bare = re.sub(r"\|[^|]*\||--\s[^>]*?\s-->", "-->", re.sub(r'[\[({]+"[^"]*"[\])}]+', "", block))
    ends = (end.strip() for line in bare.splitlines() if _ARROW.search(line) for end in re.split(r"-\.->|-->", line))
    return sorted({end for end in ends if end and end not in drawn})
