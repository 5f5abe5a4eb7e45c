"""`python -m benchmarks NAME …` runs the benchmark of that name."""

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
    """Run one benchmark with the arguments after its name."""
    known = names()
    if not arguments or arguments[0] not in known:
        print(f"usage: python -m benchmarks NAME …; NAME is one of {', '.join(sorted(known))}", file=sys.stderr)
        return 2
    module = importlib.import_module(f"benchmarks.{known[arguments[0]]}")
    status: int = module.main(arguments[1:])
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
