"""The package is built as users build it, with a compiler, without one, with half of one; and what comes out works."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

from tools.guards.source import ROOT, repository_files

pytestmark = pytest.mark.slow

SUFFIX = str(sysconfig.get_config_var("EXT_SUFFIX"))
EXTENSION = f"tacit/_native{SUFFIX}"
COMPILER = shutil.which("c++")
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="there is no C++ compiler here")
ASK = "from tacit.entrypoints.cli.doctor import engine; print(engine('auto'))"
TRAIN = """
import numpy as np
from scipy import sparse
from tacit.models.recommender.engines.choosing import choose_engine
from tacit.models.recommender.engines.interfaces import Ridge
from tacit.models.recommender.engines.matrix import Matrix
engine = choose_engine(threads=2)
matrix = Matrix.of(sparse.random_array((60, 40), density=0.2, format="csr", dtype=np.float32, random_state=1))
factors = np.random.default_rng(2).normal(0, 0.3, (40, 16)).astype(np.float32)
solved = engine.solve(engine.fixed_side(factors, Ridge(0.1, 1.0, 1.0)), matrix)
print(engine.name, round(float(np.abs(solved).sum()), 3))
"""
HALF_A_COMPILER = f"""#!/bin/sh
# Compiles everything but the kernels.
case "$*" in *-DTACIT_ISA*) echo "no such instruction" >&2; exit 1;; esac
exec {COMPILER} "$@"
"""


def run(*command: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run something to its end, in a process that knows nothing of this checkout's own settings."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TACIT_", "SKBUILD_", "REQUIRE_", "MAKE"))
    }
    return subprocess.run(
        [*map(str, command)],
        cwd=cwd,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=1_200,
    )


def done(ran: subprocess.CompletedProcess[str]) -> str:
    assert ran.returncode == 0, ran.stdout[-4_000:] + ran.stderr[-4_000:]
    return ran.stdout.strip()


def built(hook: str, source: Path, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Call a hook of the build backend in a source tree, as pip does without build isolation."""
    folder.mkdir(exist_ok=True)
    code = f"import scikit_build_core.build as backend; backend.build_{hook}({str(folder)!r})"
    return run(sys.executable, "-c", code, cwd=source, **environment)


def only(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


def unpacked(wheel: Path, folder: Path) -> Path:
    """The files of a wheel, where Python can import them."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)  # noqa: S202 (made by this test a moment ago)
    return folder


def said(site: Path, code: str) -> str:
    """What a process prints that finds the package in a folder before it finds this checkout's."""
    return done(run(sys.executable, "-c", code, cwd=site, PYTHONPATH=str(site)))


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that are, or would be, committed, in a folder of their own."""
    folder = tmp_path_factory.mktemp("copy")
    for path in repository_files():
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
    return folder


@pytest.fixture(scope="module")
def sdist(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    (copy / "src" / EXTENSION).write_bytes(b"stale")
    folder = tmp_path_factory.mktemp("sdist")
    done(built("sdist", copy, folder))
    (copy / "src" / EXTENSION).unlink()
    return only(folder, "*.tar.gz")


@pytest.fixture(scope="module")
def unpacked_sdist(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    return only(folder, "tacit-*")


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the wheel is built, kept."""
    return tmp_path_factory.mktemp("objects")


@pytest.fixture(scope="module")
def wheel(unpacked_sdist: Path, objects: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from the sdist, with a stale extension lying in its tree, and every warning an error."""
    folder = tmp_path_factory.mktemp("wheel")
    (unpacked_sdist / "src" / EXTENSION).write_bytes(b"stale")
    done(
        built(
            "wheel",
            unpacked_sdist,
            folder,
            SKBUILD_BUILD_DIR=str(objects),
            SKBUILD_CMAKE_DEFINE="TACIT_STRICT=ON",
            REQUIRE_NATIVE="1",
        )
    )
    (unpacked_sdist / "src" / EXTENSION).unlink()
    return only(folder, "*.whl")


def test_an_sdist_holds_the_kernels_and_how_to_build_them_and_no_binary(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    native = {path.relative_to(ROOT).as_posix() for path in (ROOT / "src" / "native").iterdir() if path.is_file()}

    assert native | {"CMakeLists.txt", "tools/native/built_from.cmake", "pyproject.toml", "LICENSE"} <= names
    assert [name for name in names if name.endswith((".so", ".o", ".pyc"))] == []


@needs_compiler
def test_a_wheel_holds_the_package_and_its_extension_and_nothing_else(copy: Path, wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    package = {
        path.relative_to(copy / "src").as_posix() for path in (copy / "src" / "tacit").rglob("*") if path.is_file()
    }

    assert names == package | {EXTENSION}


@needs_compiler
def test_an_installed_wheel_runs_its_own_native_engine(wheel: Path, tmp_path: Path) -> None:
    site = unpacked(wheel, tmp_path)

    assert said(site, "from tacit import _native; print(_native.__file__)") == str(site / EXTENSION)
    assert said(site, ASK).startswith("Finding(name='engine', outcome='ok', said='native ")


@needs_compiler
def test_a_small_wheel_asks_nothing_of_the_machine_but_the_c_and_openmp_libraries(wheel: Path, tmp_path: Path) -> None:
    site = unpacked(wheel, tmp_path)
    if shutil.which("ldd") is None:
        pytest.skip("there is no ldd here")
    libraries = set(re.findall(r"^\s*(\w[\w+-]*)\.so", run("ldd", EXTENSION, cwd=site).stdout, re.MULTILINE))

    assert libraries <= {"linux-vdso", "libstdc++", "libm", "libgcc_s", "libgomp", "libc", "libpthread", "libdl"}
    assert (site / EXTENSION).stat().st_size < 5_000_000


@needs_compiler
def test_no_two_instruction_sets_define_the_same_function(wheel: Path, objects: Path) -> None:
    if shutil.which("nm") is None:
        pytest.skip("there is no nm here")
    kernels = sorted(objects.glob("CMakeFiles/kernels_*.dir/**/*.o"))
    listed = done(run("nm", "--defined-only", "--extern-only", "-C", *kernels, cwd=objects))
    functions = re.findall(r"^[0-9a-f]+ [TtWwu] (.*)$", listed, re.MULTILINE)

    assert len(functions) > 30
    assert [function for function in functions if not re.search(r"tacit::(avx512|avx2|baseline)::", function)] == []


def test_without_a_compiler_the_package_installs_and_runs_on_numpy(unpacked_sdist: Path, tmp_path: Path) -> None:
    done(built("wheel", unpacked_sdist, tmp_path / "wheel", CXX=str(tmp_path / "missing")))
    site = unpacked(only(tmp_path / "wheel", "*.whl"), tmp_path / "site")

    assert not list(site.glob("**/*.so"))
    assert "outcome='warn', said='numpy, many times slower" in said(site, ASK)
    assert said(site, TRAIN).startswith("numpy ")


@needs_compiler
def test_a_compiler_that_cannot_build_the_kernels_is_as_good_as_none(unpacked_sdist: Path, tmp_path: Path) -> None:
    half = tmp_path / "c++"
    half.write_text(HALF_A_COMPILER)
    half.chmod(half.stat().st_mode | stat.S_IXUSR)

    ran = built("wheel", unpacked_sdist, tmp_path / "wheel", CXX=str(half))

    assert "retrying due to override" in done(ran)
    assert not list(unpacked(only(tmp_path / "wheel", "*.whl"), tmp_path / "site").glob("**/*.so"))


def test_where_the_native_engine_is_required_a_missing_compiler_fails(unpacked_sdist: Path, tmp_path: Path) -> None:
    ran = built("wheel", unpacked_sdist, tmp_path, CXX=str(tmp_path / "missing"), REQUIRE_NATIVE="1")

    assert ran.returncode != 0
    assert "REQUIRE_NATIVE is set" in ran.stdout + ran.stderr


def configured(source: Path, folder: Path, *options: str, **environment: str) -> Path:
    """A folder in which CMake has worked out how to build the extension."""
    python = f"-DPython_EXECUTABLE={sys.executable}"
    cmake = Path(sys.executable).parent / "cmake"
    done(run(cmake, "-S", source, "-B", folder, "-G", "Ninja", python, *options, cwd=source, **environment))
    return folder


def compiled(folder: Path) -> None:
    done(run(Path(sys.executable).parent / "cmake", "--build", folder, cwd=folder))


@needs_compiler
def test_a_working_tree_loses_its_stale_extension_and_finds_a_compiler_that_came_later(
    copy: Path, tmp_path: Path
) -> None:
    editable = ("-DSKBUILD_STATE=editable", f"-DSKBUILD_SOABI={SUFFIX.strip('.').removesuffix('.so')}")
    stale = copy / "src" / EXTENSION
    stale.write_bytes(b"stale")

    configured(copy, tmp_path, *editable, CXX=str(tmp_path / "missing"))
    was_removed = not stale.exists()
    configured(copy, tmp_path, *editable)

    assert was_removed
    assert "_native" in (tmp_path / "build.ninja").read_text()


@needs_compiler
def test_a_compiler_without_openmp_builds_an_engine_of_one_thread_with_the_same_answers(
    copy: Path, wheel: Path, tmp_path: Path
) -> None:
    compiled(configured(copy, tmp_path / "plain", "-DTACIT_OPENMP=OFF", "-DTACIT_STRICT=ON"))
    site, plain = unpacked(wheel, tmp_path / "site"), unpacked(wheel, tmp_path / "without")
    shutil.copy2(only(tmp_path / "plain", "_native*.so"), plain / EXTENSION)

    assert said(plain, "from tacit import _native; print(_native.has_openmp())") == "False"
    assert said(plain, TRAIN) == said(site, TRAIN)


@needs_compiler
def test_the_extension_builds_and_links_for_a_processor_that_is_not_an_x86(copy: Path, tmp_path: Path) -> None:
    compiler = shutil.which("aarch64-linux-gnu-g++")
    if compiler is None:
        pytest.skip("there is no cross compiler for aarch64 here (Debian: g++-aarch64-linux-gnu)")
    cross = ("-DCMAKE_SYSTEM_NAME=Linux", "-DCMAKE_SYSTEM_PROCESSOR=aarch64", f"-DCMAKE_CXX_COMPILER={compiler}")
    headers = f"-DPython_INCLUDE_DIR={sysconfig.get_path('include')}"

    folder = configured(copy, tmp_path, *cross, headers, "-DTACIT_STRICT=ON")
    compiled(folder)
    undefined = done(run("nm", "-C", "--undefined-only", "--dynamic", only(folder, "_native*.so"), cwd=folder))

    assert "Py_IncRef" in undefined or "PyErr_" in undefined
    assert "tacit::" not in undefined
    assert not list(folder.glob("CMakeFiles/kernels_avx*"))


def test_pip_installs_the_checkout_into_a_fresh_environment(copy: Path, tmp_path: Path) -> None:
    done(run(sys.executable, "-m", "venv", tmp_path / "venv", cwd=tmp_path))
    ran = run(tmp_path / "venv" / "bin" / "pip", "install", "--no-deps", copy, cwd=tmp_path)
    if ran.returncode and re.search(r"No matching distribution|[Cc]onnection|resolve", ran.stderr):
        pytest.skip("no package index can be reached from here")
    done(ran)
    code = "import tacit._native as native; print(native.__file__, native.isa())"
    if COMPILER is None:
        code = "import tacit; print(tacit.__file__)"

    assert done(run(tmp_path / "venv" / "bin" / "python", "-c", code, cwd=tmp_path)).startswith(str(tmp_path / "venv"))
