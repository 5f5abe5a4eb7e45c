"""The native engine holds under the sanitizers: nothing out of bounds, nothing undefined, no race; and they do look."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.guards.source import ROOT

pytestmark = pytest.mark.slow

SCRIPT = ROOT / "tools" / "native" / "sanitize.sh"
SUITES = (
    *sorted((ROOT / "tests" / "contract").glob("test_engine*.py")),
    *sorted((ROOT / "tests" / "unit" / "models").glob("test_native_*.py")),
    ROOT / "tests" / "integration" / "test_native_dispatch.py",
)
CONTROL = """
extern "C" int raced(int threads) {
    int total = 0;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int i = 0; i < 100000; ++i) total += i & 1;
    return total;
}
extern "C" int in_order(int threads) {
    static int squares[1000];
    int total = 0;
#pragma omp parallel for num_threads(threads) schedule(dynamic, 8)
    for (int i = 0; i < 1000; ++i) squares[i] = i % 7;
#pragma omp parallel for num_threads(threads) reduction(+ : total) schedule(dynamic, 4)
    for (int i = 0; i < 1000; ++i) total += squares[999 - i];
    return total;
}
extern "C" int beyond(int position) {
    int* few = new int[8]();
    const int found = few[position];
    delete[] few;
    return found;
}
extern "C" int next(int number) { return number + 1; }
"""
CALL = """
import ctypes

def test_native_trial_is_called():
    print(ctypes.CDLL("{library}").{function}({argument}))
"""


def environment() -> dict[str, str]:
    """This process's own, but for what make put into it."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "TACIT_", "REQUIRE_"))}
    return {**ours, "VENV": str(Path(sys.executable).parents[1])}


@pytest.fixture(scope="module")
def built_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where both builds are kept from one test to the next, and with BUILT_IN from one run to the next."""
    return Path(os.environ.get("BUILT_IN") or tmp_path_factory.mktemp("sanitized"))


def sanitized(kind: str, *arguments: str | Path, built_in: Path) -> subprocess.CompletedProcess[str]:
    ran = subprocess.run(
        [SCRIPT, kind, *map(str, arguments)],
        env={**environment(), "BUILT_IN": str(built_in)},
        capture_output=True,
        text=True,
        check=False,
        timeout=3_500,
    )
    if ran.returncode == 3:
        pytest.skip(ran.stderr.strip())
    return ran


@pytest.fixture(scope="module", autouse=True)
def compiler() -> str:
    found = shutil.which("g++")
    if found is None:
        pytest.skip("there is no g++ here")
    return found


def control(compiler: str, folder: Path, *, kind: str, call: tuple[str, int]) -> Path:
    """A test file that calls one of the functions above, built with the same sanitizers."""
    sanitizers = {"address": "address,undefined", "thread": "thread"}[kind]
    (folder / "trial.cpp").write_text(CONTROL)
    options = ["-O1", "-g", "-fPIC", "-shared", "-fopenmp", f"-fsanitize={sanitizers}", "-fno-sanitize-recover=all"]
    subprocess.run([compiler, *options, "trial.cpp", "-o", "trial.so"], cwd=folder, check=True)
    function, argument = call
    test = folder / "test_trial.py"
    test.write_text(CALL.format(library=folder / "trial.so", function=function, argument=argument))
    return test


@pytest.mark.parametrize("kind", ["address", "thread"])
def test_the_native_tests_pass_under_a_sanitizer(built_in: Path, kind: str) -> None:
    ran = sanitized(kind, "-q", "-x", *SUITES, built_in=built_in)

    assert re.findall(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error", ran.stdout + ran.stderr) == []
    assert ran.returncode == 0, ran.stdout[-6_000:] + ran.stderr[-2_000:]
    assert int(re.findall(r"(\d+) passed", ran.stdout)[-1]) >= 50


@pytest.mark.parametrize(
    ("kind", "call", "found"),
    [
        ("address", ("beyond", 7), ""),
        ("address", ("beyond", 8), "Sanitizer|runtime error"),
        ("address", ("next", 2**31 - 1), "runtime error: signed integer overflow"),
        ("thread", ("in_order", 2), ""),
        ("thread", ("raced", 2), "ThreadSanitizer: data race"),
    ],
)
def test_the_sanitizers_find_what_is_wrong_and_nothing_else(
    tmp_path: Path, compiler: str, built_in: Path, kind: str, call: tuple[str, int], found: str
) -> None:
    ran = sanitized(kind, "-q", "-s", control(compiler, tmp_path, kind=kind, call=call), built_in=built_in)
    told = ran.stdout + ran.stderr

    assert bool(re.search("Sanitizer|runtime error", told)) is bool(found), told[-4_000:]
    assert re.search(found, told)
    assert bool(ran.returncode) is bool(found)
