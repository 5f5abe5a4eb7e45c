"""Small, and the tail is guarded: how long, how wide, how frozen (rules R12, R14 and R15 of the house)."""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from tools.guards.source import AnyFunction, Module

PAGE = 40
"""Lines a function may have without giving a reason."""

LIMIT = 80
"""Lines no function may have."""

MODULE_LIMIT = 400
"""Lines after which a module is split along its nouns."""

POSITIONAL_LIMIT = 3
"""Parameters that may be passed by position, besides `self`."""

CHANGING = frozenset({"adapters", "bootstrap", "entrypoints"})
"""Rooms whose dataclasses may hold what changes: connections, counters, wiring."""


@dataclass(frozen=True)
class Length:
    """One function and its lines, from `def` to the last, decorators aside."""

    where: str
    lines: int


def lengths(module: Module) -> tuple[Length, ...]:
    """Every function's length."""
    return tuple(
        Length(f"{module.path}::{name}", (node.end_lineno or node.lineno) - node.lineno + 1)
        for name, node in _named_functions(module.tree)
    )


def _named_functions(scope: ast.AST, prefix: str = "") -> list[tuple[str, AnyFunction]]:
    found: list[tuple[str, AnyFunction]] = []
    for node in ast.iter_child_nodes(scope):
        name = f"{prefix}{getattr(node, 'name', '')}"
        if isinstance(node, AnyFunction):
            found.append((name, node))
        inner = f"{name}." if isinstance(node, AnyFunction | ast.ClassDef) else prefix
        found.extend(_named_functions(node, inner))
    return found


def outgrown(found: tuple[Length, ...], allowed: Mapping[str, str]) -> list[str]:
    """Functions over the page without a reason, over the limit with or without one, and reasons nobody needs."""
    long = {length.where: length.lines for length in found if length.lines > PAGE}
    return [
        *(f"{where}: {lines} lines; none may have over {LIMIT}" for where, lines in long.items() if lines > LIMIT),
        *(
            f"{where}: {lines} lines; over {PAGE} needs a reason"
            for where, lines in long.items()
            if where not in allowed
        ),
        *(f"{where}: allowed to be long, but is not; strike it off the list" for where in allowed if where not in long),
    ]


def long_module(module: Module) -> list[str]:
    """A module that should be split."""
    lines = len(module.text.splitlines())
    return (
        [f"{module.path}: {lines} lines; over {MODULE_LIMIT} is split along its nouns"] if lines > MODULE_LIMIT else []
    )


def wide_functions(module: Module, dictated: Collection[str] = ()) -> list[str]:
    """Functions that take more by position than a reader can tell apart, but for those a library dictates."""
    return [
        module.at(node, f"{node.name}() takes {count} parameters by position; pass the rest by keyword (`*`)")
        for node in module.functions()
        if (count := len(_positional(node))) > POSITIONAL_LIMIT and node.name not in dictated
    ]


def _positional(node: AnyFunction) -> list[str]:
    names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
    return names[1:] if names[:1] in (["self"], ["cls"]) else names


def silent_module(module: Module) -> list[str]:
    """A module that does not say what the reader will find, in one sentence, first thing."""
    first_line = (ast.get_docstring(module.tree) or "").split("\n")[0]
    return [] if first_line.endswith((".", ":", "?")) else [f"{module.path}: opens with no one-sentence docstring"]


def thawed_records(module: Module) -> list[str]:
    """Dataclasses that can be changed after the fact, where facts are kept."""
    if not module.room or (module.room in CHANGING and module.name != "events"):
        return []
    return [
        module.at(node, f"the record {node.name} is not frozen; change is a copy (`replace`)")
        for node in module.classes()
        for decorator in node.decorator_list
        if _is_dataclass(decorator) and not _has_true(decorator, "frozen")
    ]


def _is_dataclass(decorator: ast.expr) -> bool:
    name = decorator.func if isinstance(decorator, ast.Call) else decorator
    return ast.unparse(name).split(".")[-1] == "dataclass"


def _has_true(decorator: ast.expr, option: str) -> bool:
    keywords = decorator.keywords if isinstance(decorator, ast.Call) else []
    return any(word.arg == option and isinstance(word.value, ast.Constant) and word.value.value for word in keywords)
