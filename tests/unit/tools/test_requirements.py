"""The ledger tells proven from claimed from open, and refuses a row that does not exist."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools.requirements import Claim, main, misspelt, read_checklist, settle, table

CHECKLIST = """# Ledger

| Id | Source | Requirement |
|---|---|---|
| DATA-001 | 000 | Plays are read |
| DATA-002 | 000 | Plays are counted; see DATA-001 |
| SERV-001 | 004 | Somebody answers |
| SERV-002 | 004 | Somebody answers quickly |

| C-01 | a conflict, not a row |
"""
TESTS = """
import pytest

@pytest.mark.requirement("DATA-001")
def test_plays_are_read(): pass

@pytest.mark.requirement("DATA-002", "SERV-001")
@pytest.mark.parametrize("good", [True, False])
def test_plays_are_counted(good): assert good

@pytest.mark.slow
@pytest.mark.requirement("SERV-002")
def test_somebody_answers(): pass

def test_that_claims_nothing(): assert False
"""
ROWS = ("DATA-001", "DATA-002", "SERV-001", "SERV-002")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # No test of this project needs a plugin, and loading all that are installed costs more than the tests.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    (tmp_path / "requirements.md").write_text(CHECKLIST)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -m 'not slow'\nmarkers = slow: takes long\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_plays.py").write_text(TESTS)
    return tmp_path


def run(project: Path, *options: str) -> int:
    places = ["--tests", str(project / "tests"), "--root", str(project)]
    return main([str(project / "requirements.md"), *places, *options])


def test_stdout_is_one_json_object_that_tells_proven_from_failing_from_open(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code = run(project, "--json")

    assert code == 0
    assert json.loads(capfd.readouterr().out) == {
        "total": 4,
        "proven": ["DATA-001"],
        "failing": ["DATA-002", "SERV-001"],
        "open": 1,
        "groups": {
            "DATA": {"rows": 2, "proven": 1, "failing": 1, "open": 0},
            "SERV": {"rows": 2, "proven": 0, "failing": 1, "open": 1},
        },
    }


def test_slow_tests_prove_their_rows_only_when_asked_for(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run(project, "--json", "--slow")

    assert json.loads(capfd.readouterr().out)["proven"] == ["DATA-001", "SERV-002"]


def test_an_unknown_id_fails_naming_the_test_the_id_and_its_neighbour(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    marked = TESTS.replace('@pytest.mark.requirement("SERV-002")', '@pytest.mark.requirement("SERV-020")')
    (project / "tests" / "test_plays.py").write_text(marked)

    code = run(project, "--json")

    told = capfd.readouterr()
    assert (code, told.out) == (1, "")
    assert "tests/test_plays.py::test_somebody_answers claims SERV-020" in told.err
    assert "the nearest is SERV-00" in told.err


def test_a_missing_checklist_is_named_and_exits_with_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main([str(tmp_path / "nowhere.md")])

    assert code == 2
    assert "nowhere.md" in capsys.readouterr().err


def test_tests_that_cannot_be_collected_exit_with_two(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (project / "tests" / "test_plays.py").write_text("def broken(:\n")

    code = run(project)

    assert code == 2
    assert "could not be collected" in capfd.readouterr().err


@pytest.mark.parametrize(("text", "said"), [("# nothing\n", "no row"), (CHECKLIST + CHECKLIST, "DATA-001")])
def test_a_checklist_without_rows_or_with_one_twice_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    (tmp_path / "requirements.md").write_text(text)

    code = main([str(tmp_path / "requirements.md")])

    assert code == 2
    assert said in capsys.readouterr().err


def test_only_first_cells_are_rows(project: Path) -> None:
    assert read_checklist(project / "requirements.md") == ROWS


@pytest.mark.parametrize("outcome", ["failed", "skipped"])
def test_one_claim_that_did_not_pass_outweighs_those_that_did(outcome: str) -> None:
    claims = [Claim("test_a", ("DATA-001",), "passed"), Claim("test_b", ("DATA-001",), outcome)]

    ledger = settle(ROWS, claims)

    assert (ledger.proven, ledger.failing) == ((), ("DATA-001",))
    assert f"DATA-001 claimed by test_b: {outcome}" in table(ledger, claims)


def test_a_test_that_was_not_run_leaves_its_row_as_it_was() -> None:
    claims = [Claim("test_a", ("DATA-001", "DATA-002"), "not run"), Claim("test_b", ("DATA-001",), "passed")]

    ledger = settle(ROWS, claims)

    assert (ledger.proven, ledger.failing, len(ledger.open)) == (("DATA-001",), (), 3)


def test_a_lower_case_id_is_no_row_and_its_neighbour_is_named() -> None:
    assert misspelt(ROWS, [Claim("test_a", ("serv-001",), "passed")]) == [
        "test_a claims serv-001, which is no row; the nearest is SERV-001"
    ]


def test_a_skip_or_a_failing_fixture_proves_nothing(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (project / "tests" / "test_plays.py").write_text(
        "import pytest\n"
        "@pytest.fixture\n"
        "def torn():\n    yield\n    raise OSError\n"
        "@pytest.mark.requirement('DATA-001')\n"
        "def test_with_a_torn_fixture(torn): pass\n"
        "@pytest.mark.requirement('DATA-002')\n"
        "def test_that_is_skipped(): pytest.skip('no server')\n"
        "@pytest.mark.requirement('SERV-001')\n"
        "@pytest.mark.xfail(strict=False)\n"
        "def test_that_is_expected_to_fail(): raise OSError\n"
    )

    run(project, "--json")

    assert json.loads(capfd.readouterr().out)["failing"] == ["DATA-001", "DATA-002", "SERV-001"]
