"""What the compiled kernels promise their readers and the linker: short, self-contained, and typed as they are."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.guards.shape import LIMIT, MODULE_LIMIT
from tools.guards.source import ROOT, Module

FOLDER = ROOT / "src" / "native"
IMPORTERS = re.compile(r"src/tacit/(?:models/recommender/engines|data|adapters|serving)/native_\w+\.py")
PLAIN_HEADERS = frozenset({"cstddef", "cstdint", "immintrin.h", "omp.h"})
"""Headers that hold types, intrinsics and C functions, and no inline function of the C++ library."""

INCLUDE = re.compile(r'^\s*#\s*include\s+[<"]([^>"]+)[>"]', re.MULTILINE)


@dataclass(frozen=True)
class NativeFile:
    """One C++ file, by its name in `src/native`."""

    name: str
    text: str

    @property
    def is_kernel(self) -> bool:
        """Whether it is compiled once per instruction set."""
        return self.name.endswith("_kernels.cpp")


def native_files(folder: Path = FOLDER) -> tuple[NativeFile, ...]:
    """The C++ files, by name."""
    paths = sorted(path for path in folder.iterdir() if path.suffix in {".cpp", ".h"})
    return tuple(NativeFile(path.name, path.read_text("utf-8")) for path in paths)


def long_file(file: NativeFile) -> list[str]:
    """A file that should be split."""
    lines = len(file.text.splitlines())
    return [f"{file.name}: {lines} lines; over {MODULE_LIMIT} is split"] if lines > MODULE_LIMIT else []


def long_functions(file: NativeFile) -> list[str]:
    """Functions of more than 80 lines: what opens with a brace at the end of an unindented line, up to its end."""
    found, start = [], 0
    for number, line in enumerate(file.text.splitlines(), 1):
        if line.endswith("{") and line[:1].isalpha() and not line.startswith(("namespace", "struct", "class", "enum")):
            start = number
        elif line.startswith("}") and start:
            if number - start + 1 > LIMIT:
                found.append(f"{file.name}:{start} {number - start + 1} lines; none may have over {LIMIT}")
            start = 0
    return found


def silent_file(file: NativeFile) -> list[str]:
    """A file that does not say in its first line, as a comment, what it holds."""
    return [] if file.text.startswith("// ") else [f"{file.name}: opens with no comment that says what it holds"]


def shared_inlines(files: tuple[NativeFile, ...]) -> list[str]:
    """Headers of the C++ library that kernels include, themselves or through a header of ours.

    The linker keeps one copy of an inline function, and it might be the one compiled for a processor that is not there.
    """
    ours = {file.name: file for file in files}
    return [
        f"{file.name} includes <{header}>, whose inline functions the instruction sets would share"
        for file in files
        if file.is_kernel
        for header in sorted(_reached(file, ours))
        if header not in PLAIN_HEADERS and header not in ours
    ]


def _reached(file: NativeFile, ours: dict[str, NativeFile]) -> set[str]:
    reached: set[str] = set()
    waiting = [file]
    while waiting:
        new = set(INCLUDE.findall(waiting.pop().text)) - reached
        reached |= new
        waiting += [ours[header] for header in new if header in ours]
    return reached


def loose_imports(module: Module) -> list[str]:
    """Imports of the extension anywhere but in the native engine."""
    if not module.room or IMPORTERS.fullmatch(module.path):
        return []
    return [
        module.at(node, "imports tacit._native; only native_*.py of some rooms know the extension")
        for node, name in module.imports()
        if name.startswith("tacit._native")
    ]


Surface = dict[str, tuple[str, ...] | None]
"""What a module offers: each function's parameters by name; `None` for what is no function."""


def stub_surface(text: str) -> Surface:
    """What a stub declares, its names for types aside."""
    return dict(_declared(ast.parse(text).body))


def _declared(body: list[ast.stmt], prefix: str = "") -> list[tuple[str, tuple[str, ...] | None]]:
    found: list[tuple[str, tuple[str, ...] | None]] = []
    for node in body:
        if isinstance(node, ast.FunctionDef):
            is_value = any(ast.unparse(decorator) == "property" for decorator in node.decorator_list)
            found.append((prefix + node.name, None if is_value else tuple(word.arg for word in node.args.args)))
        elif isinstance(node, ast.ClassDef):
            found += [(prefix + node.name, None), *_declared(node.body, f"{node.name}.")]
        elif isinstance(node, ast.AnnAssign):
            found.append((prefix + ast.unparse(node.target) + ":", None))
    return found


def module_surface(module: Any) -> Surface:
    """What the extension exports, in the same words."""
    found: Surface = {}
    for name, value in vars(module).items():
        if name.startswith("__"):
            continue
        if isinstance(value, type):
            found |= {name: None, **_class_surface(value)}
        else:
            found[name if callable(value) else f"{name}:"] = _parameters(value) if callable(value) else None
    return found


def _class_surface(kind: type) -> Surface:
    return {
        f"{kind.__name__}.{name}": None if isinstance(value, property) else _parameters(value)
        for name, value in vars(kind).items()
        if isinstance(value, property) or hasattr(value, "__nb_signature__")
    }


def _parameters(function: Any) -> tuple[str, ...]:
    """The names in a signature such as `def f(self, a: ndarray[shape=(*, *)], b: int) -> None`."""
    inside = function.__nb_signature__[0][0].partition("(")[2].rpartition(") ->")[0]
    depth, flat = 0, ""
    for letter in inside:
        depth += (letter in "([") - (letter in ")]")
        flat += letter if depth == 0 else ""
    return tuple(part.partition(":")[0].strip() for part in flat.split(",") if part.strip())
