"""The ledger: which rows of the requirements checklist the tests prove, which they only claim, which are open.

A test claims a row with `@pytest.mark.requirement("DATA-006")`.  The row is proven when every test that claims it ran
and passed; a skip proves nothing.  `make requirements` prints the ledger, `make requirements ARGS=--json` one object.

Exit codes: 0 the ledger was printed, 1 a test claims a row that does not exist, 2 there is no ledger to print.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from tools.requirement_marks import NOT_RUN

ROOT = Path(__file__).parents[1]
CHECKLIST = ROOT.parent / "shared" / "design" / "requirements.md"
ROW = re.compile(r"^\|\s*([A-Z][A-Z0-9]*-\d{3})\s*\|", re.MULTILINE)
NO_TESTS_RAN = 5
"""pytest's exit code when no test is marked yet."""


class NoLedgerError(Exception):
    """The checklist cannot be read, or the tests cannot be collected."""


@dataclass(frozen=True)
class Claim:
    """One test and the rows it claims to prove."""

    test: str
    rows: tuple[str, ...]
    outcome: str


@dataclass(frozen=True)
class Ledger:
    """The state of every row, each list in the order of the checklist."""

    rows: tuple[str, ...]
    proven: tuple[str, ...]
    failing: tuple[str, ...]

    @property
    def open(self) -> tuple[str, ...]:
        """Rows that no test that ran claims."""
        settled = {*self.proven, *self.failing}
        return tuple(row for row in self.rows if row not in settled)

    def groups(self) -> dict[str, dict[str, int]]:
        """The counts per group of the checklist."""
        parts = {"rows": self.rows, "proven": self.proven, "failing": self.failing, "open": self.open}
        return {
            group: {part: sum(_group(row) == group for row in rows) for part, rows in parts.items()}
            for group in dict.fromkeys(map(_group, self.rows))
        }

    def as_dict(self) -> dict[str, object]:
        return {
            "total": len(self.rows),
            "proven": list(self.proven),
            "failing": list(self.failing),
            "open": len(self.open),
            "groups": self.groups(),
        }


def _group(row: str) -> str:
    return row.rpartition("-")[0]


def read_checklist(path: Path) -> tuple[str, ...]:
    """The ids of a checklist: the first cell of each table row that looks like `DATA-006`.

    Raises:
        NoLedgerError: If there is no such file, it holds no row, or an id stands twice.
    """
    if not path.is_file():
        raise NoLedgerError(
            f"There is no checklist at {path}. Name one: make requirements ARGS=path/to/requirements.md"
        )
    rows = tuple(ROW.findall(path.read_text("utf-8")))
    if not rows:
        raise NoLedgerError(f"{path} holds no row whose first cell is an id such as DATA-006.")
    if twice := sorted({row for row in rows if rows.count(row) > 1}):
        raise NoLedgerError(f"{path} lists {', '.join(twice)} more than once; an id names one row.")
    return rows


def run_claims(tests: Path, *, slow: bool, root: Path = ROOT) -> tuple[Claim, ...]:
    """Run the marked tests and return what they claim; pytest's own output goes to stderr.

    Raises:
        NoLedgerError: If the tests cannot be collected.
    """
    selection = "requirement" if slow else "requirement and not slow"
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "claims.json"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "tools.requirement_marks", "--claims-to", str(written)]
        command += ["-m", selection, "-p", "no:cacheprovider", str(tests)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
        ran = subprocess.run(command, cwd=root, env=environment, stdout=sys.stderr, check=False)
        if ran.returncode not in {0, 1, NO_TESTS_RAN}:
            raise NoLedgerError(f"The tests under {tests} could not be collected; pytest's own words stand above.")
        claims = json.loads(written.read_text("utf-8"))
    return tuple(Claim(claim["test"], tuple(claim["rows"]), claim["outcome"]) for claim in claims)


def misspelt(rows: Sequence[str], claims: Iterable[Claim]) -> list[str]:
    """Claims of rows that do not exist: the test, the id, and the nearest id that does."""
    known = frozenset(rows)
    return [
        f"{claim.test} claims {row}, which is no row; the nearest is {_nearest(row, rows)}"
        for claim in claims
        for row in claim.rows
        if row not in known
    ]


def _nearest(row: str, rows: Sequence[str]) -> str:
    return next(iter(get_close_matches(row.upper(), rows, n=1, cutoff=0.0)))


def settle(rows: tuple[str, ...], claims: Iterable[Claim]) -> Ledger:
    """Decide each row: proven if every test that claims it and ran has passed, failing if one has not."""
    outcomes: dict[str, set[str]] = {row: set() for row in rows}
    for claim in claims:
        if claim.outcome != NOT_RUN:
            for row in claim.rows:
                outcomes[row].add(claim.outcome)
    return Ledger(
        rows,
        proven=tuple(row for row in rows if outcomes[row] == {"passed"}),
        failing=tuple(row for row in rows if outcomes[row] - {"passed"}),
    )


def table(ledger: Ledger, claims: Sequence[Claim]) -> str:
    """The ledger for a person: one line per group, then every claim that does not hold."""
    lines = [f"{'group':<8}{'rows':>6}{'proven':>8}{'failing':>9}{'open':>6}"]
    counts = ledger.groups()
    total = {part: sum(group[part] for group in counts.values()) for part in ("rows", "proven", "failing", "open")}
    for group, n in {**counts, "total": total}.items():
        lines.append(f"{group:<8}{n['rows']:>6}{n['proven']:>8}{n['failing']:>9}{n['open']:>6}")
    unproven = [
        f"{row} claimed by {claim.test}: {claim.outcome}"
        for row in ledger.failing
        for claim in claims
        if row in claim.rows and claim.outcome not in {"passed", NOT_RUN}
    ]
    return "\n".join([*lines, *(["", *unproven] if unproven else [])])


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the ledger, and return the exit code."""
    options = _options(arguments)
    try:
        rows = read_checklist(options.checklist)
        claims = run_claims(options.tests.resolve(), slow=options.slow, root=options.root)
    except NoLedgerError as error:
        print(error, file=sys.stderr)
        return 2
    if wrong := misspelt(rows, claims):
        print("\n".join(wrong), file=sys.stderr)
        return 1
    ledger = settle(rows, claims)
    print(json.dumps(ledger.as_dict()) if options.json else table(ledger, claims))
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make requirements", description="Which rows of the checklist are proven.")
    parser.add_argument("checklist", nargs="?", type=Path, default=CHECKLIST, help="the checklist (Markdown)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--slow", action="store_true", help="run the tests marked slow as well")
    parser.add_argument("--tests", type=Path, default=ROOT / "tests", help="folder of the tests")
    parser.add_argument("--root", type=Path, default=ROOT, help="folder to run pytest in")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
