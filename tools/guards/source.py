"""Reading the tree: its Python files, parsed, and every file the repository holds."""

from __future__ import annotations

import ast
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache, cached_property
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[2]
"""The repository."""

PACKAGE = ROOT / "src" / "tacit"
"""The package whose rooms the rules speak of."""

AnyFunction = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One Python file.

    Attributes:
        path: Where it stands, relative to the repository, with forward slashes.
        text: Its source.
    """

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @cached_property
    def _nodes(self) -> dict[type[ast.AST], list[ast.AST]]:
        # Gone through once for all rules: that costs more than all of them do together.
        found: dict[type[ast.AST], list[ast.AST]] = {}
        for node in ast.walk(self.tree):
            found.setdefault(type(node), []).append(node)
        return found

    @property
    def room(self) -> str:
        """The room of `src/tacit` it stands in, by the name of its folder or of the file itself; else empty."""
        parts = PurePosixPath(self.path).parts
        return PurePosixPath(parts[2]).stem if parts[:2] == ("src", "tacit") else ""

    @property
    def name(self) -> str:
        """Its file name without the ending."""
        return PurePosixPath(self.path).stem

    def at(self, node: ast.AST, what: str) -> str:
        """A finding: where, and what is wrong there."""
        return f"{self.path}:{getattr(node, 'lineno', 1)} {what}"

    def nodes(self, *kinds: type[ast.AST]) -> Iterator[ast.AST]:
        return (node for kind in kinds for node in self._nodes.get(kind, ()))

    def functions(self) -> Iterator[AnyFunction]:
        found = self.nodes(ast.FunctionDef, ast.AsyncFunctionDef)
        return (node for node in found if isinstance(node, AnyFunction))

    def classes(self) -> Iterator[ast.ClassDef]:
        return (node for node in self.nodes(ast.ClassDef) if isinstance(node, ast.ClassDef))

    def calls(self) -> Iterator[ast.Call]:
        return (node for node in self.nodes(ast.Call) if isinstance(node, ast.Call))

    def imports(self) -> Iterator[tuple[ast.AST, str]]:
        """Every imported module by its full name, and where; relative imports are not used in this house."""
        for node in self.nodes(ast.Import, ast.ImportFrom):
            if isinstance(node, ast.Import):
                yield from ((node, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from ((node, f"{node.module or ''}.{alias.name}") for alias in node.names)


def dotted(node: ast.expr) -> str:
    """What a name with its dots says, as `os.path`; empty for any other expression."""
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return before and f"{before}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def modules(*folders: str, root: Path = ROOT) -> tuple[Module, ...]:
    """The Python files under some folders of the repository, by path."""
    paths = sorted(path for folder in folders for path in (root / folder).rglob("*.py"))
    return tuple(_read(path, path.relative_to(root).as_posix(), path.stat().st_mtime_ns) for path in paths)


@cache
def _read(path: Path, name: str, changed_at: int) -> Module:
    """A file as it stands; many rules look at each, and it is parsed once for all of them."""
    return Module(name, path.read_text("utf-8"))


def rooms(package: Path = PACKAGE) -> tuple[str, ...]:
    """The rooms that exist: folders that hold Python files, and single modules, of the package."""
    folders = {path.relative_to(package).parts[0] for path in package.rglob("*.py")}
    return tuple(sorted(folder.removesuffix(".py") for folder in folders - {"__init__.py", "__main__.py"}))


def repository_files(root: Path = ROOT) -> tuple[Path, ...]:
    """Every file that is, or would be, committed; without git, every file that `.gitignore` does not name."""
    if (root / ".git").exists() and shutil.which("git"):
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=root, capture_output=True, check=True, text=True).stdout
        return tuple(sorted(path for name in listed.split("\0") if name and (path := root / name).is_file()))
    ignored = [line.rstrip("/") for line in (root / ".gitignore").read_text("utf-8").splitlines() if line]
    files = (path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    return tuple(sorted(path for path in files if not _is_ignored(path.relative_to(root), ignored)))


def _is_ignored(path: Path, patterns: list[str]) -> bool:
    return any(fnmatch(part, pattern) for part in path.parts for pattern in (*patterns, ".git"))
