"""What may be done where: transactions, SQL, logging, mocks and what is done nowhere (rules R7, R11, R16, R17)."""

from __future__ import annotations

import ast
import re

from tools.guards.source import Module, dotted

EDGES = frozenset({"adapters", "client", "entrypoints"})
LOG_CALLS = frozenset({"debug", "info", "warning", "error", "exception", "critical"})
LOGGER = re.compile(r"_?(log|logger)")
EVENT_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)+")
SQL_TEXT = re.compile(
    r"\s*(SELECT\s.+\sFROM|INSERT\s+INTO|UPDATE\s.+\sSET|DELETE\s+FROM|CREATE\s+(TABLE|INDEX|VIEW)|DROP\s+TABLE|COPY\s)\b",
    re.DOTALL,
)
UNSAFE_IMPORTS = frozenset({"pickle", "cPickle", "joblib", "dill", "cloudpickle", "shelve", "marshal"})
UNSAFE_CALLS = frozenset({"eval", "exec", "yaml.load", "yaml.unsafe_load", "yaml.full_load", "os.system", "os.popen"})
UNSAFE_OPTIONS = {"shell": True, "verify": False, "allow_pickle": True}


def inner_transactions(module: Module) -> list[str]:
    """Commits and rollbacks in a room: the door that opened the unit of work ends it."""
    if not module.room or module.room in EDGES:
        return []
    return [
        module.at(call, f"`{ast.unparse(call.func)}()` in a room; one request, one transaction, committed at the edge")
        for call in module.calls()
        if isinstance(call.func, ast.Attribute) and call.func.attr in {"commit", "rollback"}
        if not ast.unparse(call.func).endswith("release.rollback")  # moves an alias, ends no transaction
    ]


def asynchronous_rooms(module: Module) -> list[str]:
    """Coroutines in a room: rooms are synchronous, concurrency lives at the doors."""
    if not module.room or module.room in EDGES:
        return []
    coroutines = [
        module.at(node, "defines a coroutine; a room is synchronous") for node in module.nodes(ast.AsyncFunctionDef)
    ]
    loops = [module.at(node, f"imports {name}") for node, name in module.imports() if name.split(".")[0] == "asyncio"]
    return coroutines + loops


def misplaced_sql(module: Module) -> list[str]:
    """SQLAlchemy outside `adapters/sql`, and SQL as text outside the adapters."""
    if not module.room or module.path.startswith("src/tacit/adapters/sql"):
        return []
    toolkit = [
        module.at(node, f"imports {name}; the schema and its questions live in adapters/sql")
        for node, name in module.imports()
        if name.split(".")[0] in {"sqlalchemy", "alembic"}
    ]
    return toolkit if module.room == "adapters" else toolkit + _sql_texts(module)


def _sql_texts(module: Module) -> list[str]:
    return [
        module.at(node, "SQL as text; a query is one named question in an adapter")
        for node in module.nodes(ast.Constant)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL_TEXT.match(node.value)
    ]


def loose_log_events(module: Module) -> list[str]:
    """Log calls whose event is not a constant `noun_verbed`."""
    return [
        module.at(call, f"the log event {_first_argument(call)} is not a constant `noun_verbed`")
        for call in module.calls()
        if _is_log_call(call.func) and not _is_event_name(call)
    ]


def _is_log_call(func: ast.expr) -> bool:
    if not isinstance(func, ast.Attribute) or func.attr not in LOG_CALLS:
        return False
    return bool(LOGGER.fullmatch(ast.unparse(func.value).split(".")[-1]))


def _first_argument(call: ast.Call) -> str:
    return ast.unparse(call.args[0]) if call.args else "(none)"


def _is_event_name(call: ast.Call) -> bool:
    event = call.args[0] if call.args else None
    return isinstance(event, ast.Constant) and isinstance(event.value, str) and bool(EVENT_NAME.fullmatch(event.value))


def mocks(module: Module) -> list[str]:
    """Mocks: our fakes are our own memory adapters, except where a real server stands in between."""
    if module.path.startswith("tests/integration/"):
        return []
    return [
        module.at(node, "imports a mock; use the real thing in memory")
        for node, name in module.imports()
        if name.startswith("unittest.mock") or name.split(".")[0] in {"mock", "pytest_mock"}
    ]


def unsafe_code(module: Module) -> list[str]:
    """What is done nowhere: code from bytes, code from text, a shell, an unverified peer."""
    return [
        *_unsafe_imports(module),
        *(
            module.at(call, f"calls {name}(), which runs what it is given")
            for call in module.calls()
            if (name := dotted(call.func).removeprefix("builtins.")) in UNSAFE_CALLS
        ),
        *(module.at(call, f"passes {option}") for call in module.calls() for option in _unsafe_options(call)),
    ]


def _unsafe_options(call: ast.Call) -> list[str]:
    return [
        ast.unparse(word)
        for word in call.keywords
        if word.arg in UNSAFE_OPTIONS
        if isinstance(word.value, ast.Constant) and word.value.value is UNSAFE_OPTIONS[word.arg]
    ]


def _unsafe_imports(module: Module) -> list[str]:
    return [
        module.at(node, f"imports {name.split('.')[0]}, whose files run code when they are read")
        for node, name in module.imports()
        if name.split(".")[0] in UNSAFE_IMPORTS
    ]
