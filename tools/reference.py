"""The reference pages, made from the code: settings, command line, HTTP interface and metrics; and from results.

`python -m tools.reference` writes `docs/reference/*.md`; with `--check` it writes nothing and fails when a page is not
what the code says.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import typer
from pydantic import BaseModel

from benchmarks._page import page as performance_page
from tacit import __version__
from tacit.bootstrap import build, load_settings, serving
from tacit.entrypoints.api.app import create_app
from tacit.entrypoints.api.operations import further_routes
from tacit.entrypoints.cli.data import readers
from tacit.entrypoints.cli.exits import MEANINGS
from tacit.entrypoints.cli.program import program
from tacit.monitoring.metric import Metric
from tacit.monitoring.metrics import CATALOGUE
from tacit.settings import ENV_PREFIX, Settings
from tools.described_settings import described_fields

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "reference"
SHARED_OPTIONS = ("--home", "--config", "--set", "--json")

Page = Callable[[], Iterator[str]]


def settings_page() -> Iterator[str]:
    """Every setting: its key, type, default and meaning."""
    yield from _opening("Settings", "`tacit settings` shows the values in force, and where each came from.")
    yield (
        "Later wins: the default, the settings file (`./tacit.toml`, or what `--config` or `TACIT_CONFIG` names), the "
        "environment, the command line (`--set KEY=VALUE`).  An unknown key stops every command.\n"
    )
    yield "```toml\nport = 8100\n\n[als]\nfactors = 96\n```\n"
    yield f"In the environment that is `{_variable('port')}=8100` and `{_variable('als.factors')}=96`.\n"
    groups = [("", Settings), *_groups()]
    for prefix, group in groups:
        fields = [each for each in described_fields() if _prefix(each[0]) == prefix]
        yield f"## `[{prefix}]`\n" if prefix else "## The whole\n"
        yield f"{_sentence(group)}\n" if prefix else ""
        rows = [(f"`{key}`", f"`{kind}`", f"`{default}`", said) for key, kind, default, said in fields]
        yield _table(("setting", "type", "default", "meaning"), rows)


def cli_page() -> Iterator[str]:
    """Every command, its arguments and options."""
    yield from _opening("Command line", "`tacit COMMAND --help` says the same.")
    root = typer.main.get_command(program())
    commands = list(_commands(root, "tacit"))
    yield "## On every command\n"
    shared = [row for row in _parameters(commands[0][1], commands[0][0]) if _is_shared(row)]
    yield _table(("option", "meaning"), shared)
    yield (
        "With `--json` a command prints exactly one line on stdout, an object or an array; progress and the log go to "
        'stderr.  An error is `{"error": {"code": …, "detail": …, "field": …, "fix": …, "exit_code": …}}`.\n'
    )
    yield "## Exit codes\n"
    yield _table(("code", "meaning"), [(str(code), meaning) for code, meaning in MEANINGS.items()])
    for name, command in commands:
        yield f"## `{name}`\n"
        yield f"{command.help}\n"
        if name == "tacit import":
            yield _table(("reader", "reads"), [(f"`{reader}`", said) for reader, said in readers().items()])
        own = [row for row in _parameters(command, name) if not _is_shared(row)]
        if own:
            yield _table(("argument or option", "meaning"), own)


def api_page() -> Iterator[str]:
    """Every operation of the HTTP interface, from its own OpenAPI document."""
    yield from _opening("HTTP interface", "The server shows the same at `/docs`, and as OpenAPI at `/openapi.json`.")
    document = openapi_document()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield f"## `{method.upper()} {path}`\n"
            yield f"{operation.get('description') or operation['summary']}\n"
            yield from _operation(operation)
    yield "## Bodies\n"
    for name, schema in sorted(document["components"]["schemas"].items()):
        yield f"### {name}\n"
        yield f"{schema['description']}\n" if "description" in schema else ""
        yield _fields(schema) or f"`{_type(schema)}`\n"


def metrics_page() -> Iterator[str]:
    """Everything that is measured."""
    yield from _opening("Metrics", "Prometheus reads them from `/metrics`, on a port of its own.")
    rows = [
        (f"`{each.name}`", each.kind, each.unit, _labels(each), each.room, each.help)
        for each in sorted(CATALOGUE, key=lambda each: each.name)
    ]
    yield _table(("name", "kind", "unit", "labels", "room", "meaning"), rows)


PAGES: Mapping[str, Page] = {
    "settings.md": settings_page,
    "cli.md": cli_page,
    "api.md": api_page,
    "metrics.md": metrics_page,
    "performance.md": performance_page,
}


def openapi_document() -> dict[str, Any]:
    """What the server says of itself: the real application over an empty home."""
    with TemporaryDirectory() as folder:
        in_force = load_settings(flags={"home": folder}, config=Path(os.devnull), environ={})
        with build(in_force) as app, serving(app) as parts:
            api = create_app(
                parts.service,
                parts.pool,
                parts.metrics,
                version=__version__,
                intake=parts.intake,
                items=parts.items,
                users=parts.users,
                quarantine=app.quarantine,
                extra_routers=further_routes(app, parts),
            )
            return api.openapi()


def rendered(page: Page) -> str:
    """A page as its file holds it."""
    return "\n".join(part for part in page() if part)


def stale(folder: Path = FOLDER) -> list[str]:
    """Names of the pages that are not what the code says."""
    return [name for name, page in PAGES.items() if _content(folder / name) != rendered(page)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pages, or check them; returns the exit code."""
    parser = argparse.ArgumentParser(prog="tools.reference", description="The reference pages, made from the code.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a page is stale")
    if parser.parse_args(arguments).check:
        found = stale()
        print("\n".join(f"docs/reference/{name} is stale: run make docs" for name in found) or "up to date")
        return 1 if found else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (FOLDER / name).write_text(rendered(page), "utf-8")
        print(f"docs/reference/{name}")
    return 0


def _opening(title: str, sentence: str) -> Iterator[str]:
    yield f"# {title}\n"
    yield f"{sentence}  This page is made from the code by `make docs`.\n"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", r"\|").split())


def _content(path: Path) -> str | None:
    return path.read_text("utf-8") if path.is_file() else None


def _groups(of: type[BaseModel] = Settings, prefix: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """The groups of settings, each before those within it."""
    for name, field in of.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield f"{prefix}{name}", field.annotation
            yield from _groups(field.annotation, f"{prefix}{name}.")


def _prefix(key: str) -> str:
    return key.rpartition(".")[0]


def _variable(key: str) -> str:
    return ENV_PREFIX + key.upper().replace(".", "__")


def _sentence(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip()


def _commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Every command under a name; a group that does something by itself counts as one."""
    inner = getattr(command, "commands", {})
    if not inner or (command.invoke_without_command and name != "tacit"):
        yield name, command
    for word, each in inner.items():
        yield from _commands(each, f"{name} {word}")


def _parameters(command: Any, name: str) -> list[tuple[str, str]]:
    context = typer.Context(command, info_name=name)
    records = [parameter.get_help_record(context) for parameter in command.params]
    return [(f"`{said[0]}`", said[1]) for said in records if said is not None]


def _is_shared(row: tuple[str, str]) -> bool:
    return row[0].strip("`").split()[0] in SHARED_OPTIONS


def _operation(operation: Mapping[str, Any]) -> Iterator[str]:
    rows = [
        (f"`{each['name']}`", each["in"], _type(each["schema"]), each.get("description", ""))
        for each in operation.get("parameters", ())
    ]
    if rows:
        yield _table(("parameter", "in", "type", "meaning"), rows)
    body = operation.get("requestBody", {}).get("content", {})
    for media, about in body.items():
        yield f"Body ({media}): `{_type(about['schema'])}`\n"
        yield _fields(about["schema"])
    answers = [(status, answer["description"], _answer(answer)) for status, answer in operation["responses"].items()]
    yield _table(("status", "when", "body"), answers)


def _fields(schema: Mapping[str, Any]) -> str:
    rows = [
        (f"`{field}`", f"`{_type(about)}`", about.get("description", ""))
        for field, about in schema.get("properties", {}).items()
    ]
    return _table(("field", "type", "meaning"), rows) if rows else ""


def _answer(answer: Mapping[str, Any]) -> str:
    content = answer.get("content", {})
    return ", ".join(f"`{_type(each.get('schema', {}))}` ({media})" for media, each in content.items())


def _type(schema: Mapping[str, Any]) -> str:
    """A JSON Schema in a word."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(f'"{each}"' for each in schema["enum"])
    if "const" in schema:
        return f'"{schema["const"]}"'
    if schema.get("type") == "array":
        return f"[{_type(schema.get('items', {}))}]"
    return str(schema.get("type", "any"))


def _labels(metric: Metric) -> str:
    return ", ".join(
        f"`{name}` ({', '.join(values)})" if values else f"`{name}`" for name, values in metric.labels.items()
    )


if __name__ == "__main__":
    sys.exit(main())
