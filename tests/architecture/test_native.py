"""The C++ side: short files, kernels the linker cannot mix, one importer, and a stub and a binary that are current."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from tools.guards import native
from tools.guards.native import NativeFile
from tools.guards.source import PACKAGE, ROOT, Module, modules
from tools.native import freshness

FILES = native.native_files()
ENGINE = "src/tacit/models/recommender/engines/native_engine.py"


@pytest.fixture
def extension() -> Any:
    return pytest.importorskip("tacit._native", reason="the native extension was not built", exc_type=ImportError)


def test_no_native_file_is_longer_than_400_lines() -> None:
    assert [finding for file in FILES for finding in native.long_file(file)] == []


def test_no_native_function_is_longer_than_80_lines() -> None:
    assert [finding for file in FILES for finding in native.long_functions(file)] == []


def test_every_native_file_opens_with_what_it_holds() -> None:
    assert [finding for file in FILES for finding in native.silent_file(file)] == []


def test_kernels_include_nothing_that_instruction_sets_would_share() -> None:
    assert native.shared_inlines(FILES) == []


def test_only_the_native_engine_imports_the_extension() -> None:
    assert [finding for module in modules("src") for finding in native.loose_imports(module)] == []


def test_the_stub_declares_what_the_extension_exports(extension: Any) -> None:
    assert native.stub_surface((PACKAGE / "_native.pyi").read_text("utf-8")) == native.module_surface(extension)


def test_the_extension_was_built_from_these_sources(extension: Any) -> None:
    assert extension.built_from() == freshness.source_digest(), "run make native"


def test_the_build_and_the_check_agree_on_the_digest_of_the_sources(tmp_path: Path) -> None:
    cmake = Path(sysconfig.get_path("scripts")) / "cmake"
    found = str(cmake) if cmake.exists() else shutil.which("cmake")
    if found is None:
        pytest.skip("there is no cmake here")
    (tmp_path / "b.cpp").write_text("int b;\n")
    (tmp_path / "a_b.h").write_text("int a;\n")
    script, header = ROOT / "tools" / "native" / "built_from.cmake", tmp_path / "out.h"
    subprocess.run([found, "-D", f"FOLDER={tmp_path}", "-D", f"OUTPUT={header}", "-P", script], check=True)
    written = header.read_text()
    header.unlink()

    assert freshness.source_digest(tmp_path) in written


def test_a_binary_of_other_sources_or_none_is_a_problem() -> None:
    assert freshness.problem("0" * 64, "0" * 64) == ""
    assert "other sources" in freshness.problem("1" * 64, "0" * 64)
    assert "no native engine" in freshness.problem("", "0" * 64)


def test_a_native_function_or_file_that_grew_too_long_is_found() -> None:
    body = "    step();\n" * 79
    short = NativeFile("x.cpp", f"static int f() {{\n{body[:-12]}}}\n")
    long = NativeFile("x.cpp", f"static int f() {{\n{body}}}\n")

    assert native.long_functions(short) == []
    assert len(native.long_functions(long)) == 1
    assert native.long_file(NativeFile("x.cpp", "\n" * 400)) == []
    assert len(native.long_file(NativeFile("x.cpp", "\n" * 401))) == 1


def test_a_kernel_that_reaches_the_library_through_a_header_is_found() -> None:
    header = NativeFile("rows.h", "// Rows.\n#include <algorithm>\n#include <cstdint>\n")
    kernel = NativeFile("x_kernels.cpp", '// Kernels.\n#include "rows.h"\n#include <immintrin.h>\n')

    assert native.shared_inlines((header, kernel, NativeFile("x.cpp", "#include <vector>\n"))) == [
        "x_kernels.cpp includes <algorithm>, whose inline functions the instruction sets would share"
    ]


@pytest.mark.parametrize("text", ["import tacit._native", "from tacit import _native", "from tacit._native import isa"])
def test_an_import_of_the_extension_elsewhere_is_found(text: str) -> None:
    assert len(native.loose_imports(Module("src/tacit/serving/retrieval.py", text))) == 1
    assert native.loose_imports(Module(ENGINE, text)) == []
    assert (ROOT / ENGINE).exists()
    assert native.loose_imports(Module("tests/engines.py", text)) == []


def test_a_stub_that_lacks_a_name_or_a_parameter_differs() -> None:
    text = "LIMIT: int\ndef f(a: int, b: int) -> None: ...\nclass C:\n    @property\n    def size(self) -> int: ...\n"

    assert native.stub_surface(text) == {"LIMIT:": None, "f": ("a", "b"), "C": None, "C.size": None}
