"""The page of results, made from the files in `benchmarks/results`: one section a benchmark, nothing left out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks._harness import RESULTS

_WIDE = 7
"""Columns after which a table is turned on its side."""
_SHOWN_ELSEWHERE = ("command", "checks", "load_before", "load_after")

Row = Mapping[str, Any]


def page(folder: Path = RESULTS) -> Iterator[str]:
    """The page, part by part, of the results in a folder."""
    results = [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))]
    yield "# Performance\n"
    yield (
        "What was measured, where, and how to measure it again.  This page is made by `make docs` from the files in "
        "`benchmarks/results`, which `python -m benchmarks NAME --record` writes.\n"
    )
    yield (
        "Sides run in turns, each in a process of its own where memory or threads matter; figures are medians.  `wall` "
        "and `cpu` are seconds, of the clock and of all cores; `peak_gib` is the most memory a process held, "
        "`held_gib` what it held before the work began.  A floor is what the machine itself could do at best, measured "
        "in the same run.  Peers come with the extra `bench`; one that was not there has nothing but dashes.\n"
    )
    if not results:
        yield "Nothing has been recorded yet.\n"
        return
    yield table(("benchmark", "figure", "unit", "goal", "holds"), [_headline(result) for result in results])
    for result in results:
        yield from _section(result)


def _headline(result: Row) -> tuple[str, ...]:
    link = f"[{result['name']}](#{result['name']})"
    return link, text(result["figure"]), result["unit"], result["goal"], "yes" if result["holds"] else "**no**"


def _section(result: Row) -> Iterator[str]:
    details = result["details"]
    yield f"## {result['name']}\n"
    yield f"`{details['command']}`\n"
    yield f"{_machine(result['machine'])}\n"
    checks = details.get("checks", {})
    yield table(("must hold", "held"), [(name, _answer(kept)) for name, kept in checks.items()])
    yield f"Floor: {_floor(result['floor'])}\n" if result["floor"] else ""
    rest = {name: value for name, value in details.items() if name not in _SHOWN_ELSEWHERE}
    yield from _told("peers", result["peers"])
    for name, value in _grouped(rest).items():
        yield from _told(name, value)


def _answer(kept: bool | None) -> str:
    return {True: "yes", False: "**no**", None: "could not be told"}[kept]


def _machine(machine: Row) -> str:
    """One sentence on where and when."""
    blas = "; ".join(machine["blas"]) or "none"
    return (
        f"Commit `{machine['commit']}`, {machine['date']}, on {machine['cores']} cores of {machine['cpu']} "
        f"({', '.join(machine['instruction_sets'])}), {machine['memory_gib']} GiB, Python {machine['python']}, NumPy "
        f"{machine['numpy']}, BLAS {blas}; load {_loads(machine['load_before'])} before and "
        f"{_loads(machine['load_after'])} after."
    )


def _loads(loads: Sequence[float]) -> str:
    return " / ".join(text(load) for load in loads)


def _floor(floor: Row) -> str:
    numbers = ", ".join(f"{name} {text(value)}" for name, value in floor.items() if name != "what")
    return f"{floor.get('what', '')}: {numbers}."


def _grouped(details: Row) -> dict[str, Any]:
    """The single values of the details as one group, before the others."""
    single = {name: value for name, value in details.items() if _is_single(value)}
    return {"in short": single, **{name: value for name, value in details.items() if name not in single}}


def _is_single(value: Any) -> bool:
    """Whether a value fits into a cell: no collection, or names with words beside them (versions, reasons)."""
    if isinstance(value, Mapping):
        return all(each is None or isinstance(each, str) for each in value.values())
    return not isinstance(value, list)


def _told(name: str, value: Any) -> Iterator[str]:
    """A value under its name: a table of rows, of names and values, or of both for each entry."""
    if not value:
        return
    yield f"### {name.replace('_', ' ')}\n"
    if isinstance(value, list):
        yield _list(value)
    elif all(isinstance(each, Mapping) or each is None for each in value.values()):
        yield _rows([{"": key, **flat(each or {})} for key, each in value.items()])
    else:
        yield table(("", "value"), [(key.replace("_", " "), text(each)) for key, each in flat(value).items()])


def _list(value: list[Any]) -> str:
    if all(isinstance(each, Mapping) for each in value):
        return _rows([flat(each) for each in value])
    return ", ".join(text(each) for each in value) + "\n"


def _rows(rows: Sequence[Row]) -> str:
    """Rows as a table; on its side if it would be too wide."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    if len(columns) > _WIDE:
        turned = [(column, *(text(row.get(column, "")) for row in rows)) for column in columns[1:]]
        return table((columns[0], *(text(row.get(columns[0], "")) for row in rows)), turned)
    return table(columns, [tuple(text(row.get(column, "")) for column in columns) for row in rows])


def flat(value: Row, prefix: str = "") -> dict[str, Any]:
    """Nested names joined by points; lists of numbers left as they are, lists of anything longer left out."""
    found: dict[str, Any] = {}
    for name, each in value.items():
        if isinstance(each, Mapping):
            found |= flat(each, f"{prefix}{name}.")
        elif not (isinstance(each, list) and any(isinstance(inner, list | Mapping) for inner in each)):
            found[f"{prefix}{name}"] = each
    return found


def text(value: Any) -> str:
    """A value as a cell."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {text(each)}" for name, each in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(text(each) for each in value)
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1_000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    if not rows:
        return ""
    lines = [[column.replace("_", " ") for column in columns], ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines) + "\n"


def _cell(said: str) -> str:
    return " ".join(str(said).replace("|", r"\|").split())
