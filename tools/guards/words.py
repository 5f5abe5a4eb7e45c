"""One word, one meaning: names of modules, classes and tests, and what no file may say (rules R1, R13 and R17)."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from pathlib import Path

from tools.guards.source import Module

BANNED_MODULES = frozenset(
    {"utils", "util", "helpers", "helper", "common", "core", "base", "misc", "shared", "manager"}
)
BANNED_ENDINGS = ("Manager", "Helper", "Handler", "Data", "Info", "Util", "Utils", "Impl", "Base")
TEST_WORDS = 4
"""Fewest words of a test's name after `test_`: less is no statement."""

MAX_BYTES = 1_000_000
"""Largest file of the repository."""

# Written in parts, so that this file passes its own guard.
REGISTRIES = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("files", "pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("registry", "yarnpkg", "com"),
        ("repo1", "maven", "org"),
        ("repo", "maven", "apache", "org"),
        ("proxy", "golang", "org"),
        ("sum", "golang", "org"),
        ("static", "crates", "io"),
        ("deb", "debian", "org"),
        ("security", "debian", "org"),
        ("archive", "ubuntu", "com"),
        ("conda", "anaconda", "org"),
        ("rubygems", "org"),
    )
)
BUILD_PATH = re.compile(r"(?<![\w./])" + "/" + r"work(?=/|\b)(?!-)")


def banned_names(module: Module) -> list[str]:
    """Modules and classes whose name says nothing."""
    parts = [part.removesuffix(".py") for part in module.path.split("/")]
    vague = [f"{module.path}: `{part}` names nothing of the trade" for part in parts if part in BANNED_MODULES]
    return vague + [
        module.at(node, f"class {node.name}: say what it is, not `{ending}`")
        for node in module.classes()
        for ending in BANNED_ENDINGS
        if node.name.endswith(ending)
    ]


def mute_tests(module: Module) -> list[str]:
    """Tests whose name is no sentence."""
    return [
        module.at(node, f"{node.name} is no sentence; say what holds, in {TEST_WORDS} words or more")
        for node in module.functions()
        if node.name.startswith("test_") and len(node.name.split("_")) <= TEST_WORDS
    ]


def glossary_names(page: str) -> dict[str, str]:
    """What a glossary's *say / not* table bans: the name that is not used, and the word to say instead.

    It is the table of three columns: the word, its meaning, and in backticks what is never an identifier.
    """
    rows = (line.strip().strip("|").split("|") for line in page.splitlines() if line.startswith("| **"))
    said = ((row[0].strip(" *"), row[2]) for row in rows if len(row) == 3)
    return {name: word for word, unsaid in said for name in re.findall(r"`(\w+)`", unsaid)}


def banned_synonyms(module: Module, instead: Mapping[str, str]) -> list[str]:
    """Identifiers that are a second word for something the glossary has a word for."""
    return [
        module.at(node, f"`{name}`: the house says *{instead[name]}*")
        for node in ast.walk(module.tree)
        if (name := _defined_name(node)) in instead
    ]


def _defined_name(node: ast.AST) -> str:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.arg(arg=name):
            return name
        case ast.Name(id=name, ctx=ast.Store()):
            return name
        case _:
            return ""


def forbidden_text(path: str, text: str) -> list[str]:
    """Addresses of package registries, and paths of a build machine, in any file."""
    lines = list(enumerate(text.splitlines(), 1))
    return [
        *(f"{path}:{n} names the registry {host}" for n, line in lines for host in REGISTRIES if host in line),
        *(f"{path}:{n} names a folder of a build machine" for n, line in lines if BUILD_PATH.search(line)),
    ]


def heavy_files(files: tuple[Path, ...]) -> list[str]:
    """Files that do not belong into a repository."""
    return [f"{path}: {size:,} bytes" for path in files if (size := path.stat().st_size) > MAX_BYTES]
