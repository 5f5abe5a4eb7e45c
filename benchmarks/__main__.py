"""`python -m benchmarks NAME …` runs the benchmark of that name, `python -m benchmarks` all of them in turn."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path


def names() -> dict[str, str]:
    """The module of each benchmark, by the name it is called by."""
    modules = (module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]))
    return {module.strip("_").replace("_", "-"): module for module in modules if not module.startswith("_")}


def main(arguments: list[str]) -> int:
    """Run one benchmark with the arguments after its name, or every one with its defaults."""
    known = names()
    if not arguments:
        return max(_run(module, []) for module in known.values())
    if arguments[0] not in known:
        print(f"usage: python -m benchmarks NAME …; NAME is one of {', '.join(sorted(known))}", file=sys.stderr)
        return 2
    return _run(known[arguments[0]], arguments[1:])


def _run(name: str, arguments: list[str]) -> int:
    print(f"python -m benchmarks {name.strip('_')}", file=sys.stderr)
    status: int = importlib.import_module(f"benchmarks.{name}").main(arguments)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
