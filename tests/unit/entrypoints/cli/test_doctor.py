"""The doctor: each thing that can be wrong with an installation is found, named, and comes with its remedy."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tacit.bootstrap import build, load_settings
from tacit.entrypoints.cli import doctor
from tacit.entrypoints.cli.doctor import Finding, examination
from tacit.entrypoints.cli.options import Asked
from tests.shells import free_port


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that was opened once, and an environment in which nothing is set."""
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "home"
    with build(load_settings(flags={"home": home}, environ={})):
        return home


def found(home: Path, flags: Mapping[str, object] | None = None) -> dict[str, Finding]:
    ports = {"port": free_port(), "metrics_port": free_port()}
    return {each.name: each for each in examination(Asked({"home": home, **ports, **(flags or {})}, None, False))}


def test_a_fresh_home_has_no_fault_and_says_what_comes_next(home: Path) -> None:
    findings = found(home)

    assert {each.outcome for each in findings.values()} == {"ok", "warn"}
    assert "tacit up" in findings["champion"].fix


def test_a_home_that_does_not_exist_is_not_made(tmp_path: Path) -> None:
    findings = found(tmp_path / "none")

    assert findings["home"].outcome == "warn"
    assert not (tmp_path / "none").exists()


def test_a_home_that_is_a_file_fails(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")

    assert found(tmp_path / "home")["home"].outcome == "fail"


def test_a_misspelt_setting_is_found_and_nothing_is_opened(home: Path) -> None:
    findings = found(home, {"als.factor": "3"})

    assert findings["settings"].outcome == "fail"
    assert "als.factors" in findings["settings"].fix
    assert "database" not in findings


def test_a_private_key_that_others_can_read_fails(home: Path) -> None:
    (home / "keys").mkdir()
    (home / "keys" / "signing.key").write_text("")
    (home / "keys" / "signing.key").chmod(0o644)

    assert found(home)["keys"].outcome == "fail"


def test_a_database_that_is_none_fails(home: Path) -> None:
    (home / "tacit.db").write_bytes(b"no database at all" * 100)

    assert found(home)["database"].outcome == "fail"


NOWHERE = f"postgresql://ann:s3cret@127.0.0.1:{free_port()}/tacit"


@pytest.mark.parametrize("is_used", [True, False])
def test_a_database_elsewhere_that_cannot_be_reached_is_named_without_its_password(
    is_used: bool, home: Path, tmp_path: Path
) -> None:
    pytest.importorskip("psycopg")
    findings = found(home if is_used else tmp_path / "none", {"database_url": NOWHERE})

    finding = findings["database"]
    assert (finding.outcome, "postgresql://ann:***@127.0.0.1" in finding.said) == ("fail", True)
    assert "database_unavailable" in finding.said
    assert "s3cret" not in repr(findings)
    assert not (tmp_path / "none").exists()


def test_a_file_named_as_the_database_is_opened_and_told(home: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/elsewhere.db"
    with build(load_settings(flags={"home": home, "database_url": url}, environ={})):
        finding = found(home, {"database_url": url})["database"]

    assert (finding.outcome, url in finding.said) == ("ok", True)


def test_the_driver_of_a_database_is_named_where_it_is_not_installed(home: Path) -> None:
    code = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from tacit.adapters.sql.engine import open_database\n"
        "from tacit.errors import Misconfigured\n"
        "try:\n    open_database('postgresql://localhost/tacit')\n"
        "except Misconfigured as error:\n    print(error.code, error.fix)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert said.startswith("driver_missing")
    assert "tacit[postgres]" in said


def test_a_port_that_another_program_uses_is_named_with_its_setting(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        finding = found(home, {"metrics_port": other.getsockname()[1]})["metrics port"]

    assert finding.outcome == "warn"
    assert "TACIT_METRICS_PORT" in finding.fix


def test_a_clock_before_this_release_fails() -> None:
    assert doctor.clock(0.0).outcome == "fail"
    assert doctor.clock(1_800_000_000.0).outcome == "ok"


def engine_without(lacking: str, asked: str = "auto") -> str:
    """What a process says of its engine in which something was put out of order first."""
    code = f"import sys\n{lacking}\nfrom tacit.entrypoints.cli.doctor import engine\nprint(engine({asked!r}))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_the_engine_that_runs_is_named_with_its_instruction_set(home: Path) -> None:
    native = pytest.importorskip("tacit._native", reason="the native extension was not built", exc_type=ImportError)

    finding = found(home)["engine"]

    assert finding.outcome == "ok"
    assert finding.said.startswith(f"native {native.isa()}, ")


def test_without_the_extension_the_engine_is_numpy_and_the_remedy_a_compiler() -> None:
    said = engine_without("sys.modules['tacit._native'] = None")

    assert "outcome='warn'" in said
    assert "said='numpy, many times slower" in said
    assert "Install a C++ compiler" in said


def test_a_native_engine_that_was_asked_for_and_is_not_there_fails() -> None:
    assert "outcome='fail'" in engine_without("sys.modules['tacit._native'] = None", asked="native")


def test_an_extension_without_openmp_is_told_to_use_one_thread() -> None:
    pytest.importorskip("tacit._native", reason="the native extension was not built", exc_type=ImportError)

    said = engine_without("from tacit import _native; _native.has_openmp = lambda: False")

    assert "outcome='warn'" in said
    assert "built without OpenMP" in said


def test_numpy_by_choice_is_no_fault() -> None:
    assert doctor.engine("numpy").outcome == "ok"
