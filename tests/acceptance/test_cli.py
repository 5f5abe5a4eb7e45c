"""From a file of plays to a champion, at the shell: each command says what it did, to people and to programs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tacit.data import synthetic
from tests.shells import QUICK, Ran, free_port, tacit, within

Ask = Callable[..., tuple[int, Any]]


def spoken(value: object) -> str:
    return " ".join(value) if isinstance(value, tuple) else ""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small synthetic community in it."""
    folder = tmp_path_factory.mktemp("world")
    synthetic.generate(folder / "community", users=200, items=150, artists_per_user=25)
    return folder


@pytest.fixture(scope="module")
def imported(world: Path) -> Ran:
    return tacit("import", "auto", "--from", world / "community", "--json", home=world / "home")


@pytest.fixture(scope="module")
def trained(world: Path, imported: Ran) -> Ran:
    assert imported.code == 0, imported.err
    return tacit("train", "--promote", "--json", *QUICK, home=world / "home")


@pytest.fixture
def ask(trained: Ran, world: Path) -> Ask:
    """Asks the platform for JSON: the exit code and the answer."""
    assert trained.code == 0, trained.err

    def asking(*arguments: str, home: Path = world / "home") -> tuple[int, Any]:
        ran = within(*arguments, "--json", home=home)
        return ran.code, ran.answer

    return asking


@pytest.fixture
def copy(trained: Ran, world: Path, tmp_path: Path) -> Path:
    """The home, to be changed."""
    assert trained.code == 0, trained.err
    return Path(shutil.copytree(world / "home", tmp_path / "home"))


def test_an_import_accounts_for_every_row(imported: Ran) -> None:
    report = imported.answer

    assert report["read"] == report["accepted"] + report["merged"] + sum(report["quarantined"].values())
    assert report["read"] > 1_000
    assert (report["users"], report["items"], report["repeated"]) == (200, 150, False)


def test_training_prints_one_object_with_the_evidence(trained: Ran) -> None:
    outcome = trained.answer

    assert {"version", "metrics", "baselines", "gate", "seconds"} <= outcome.keys()
    assert outcome["gate"]["verdict"] == "pass"
    assert outcome["gate"]["reasons"]
    assert outcome["metrics"]["ndcg@10"] > outcome["baselines"]["popularity"]["ndcg@10"]
    assert outcome["promoted"] is True


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        (("datasets",), list),
        (("quarantine", "list"), dict),
        (("snapshot",), dict),
        (("snapshot", "--list"), list),
        (("evaluate", "1"), dict),
        (("models",), list),
        (("models", "list"), list),
        (("models", "show", "1"), dict),
        (("models", "card", "1"), dict),
        (("models", "verify"), list),
        (("models", "verify", "1"), list),
        (("models", "history"), list),
        (("audit", "--limit", "5"), list),
        (("exposures",), list),
        (("settings",), list),
    ],
    ids=spoken,
)
def test_every_command_answers_in_one_line_of_json(ask: Ask, command: tuple[str, ...], kind: type) -> None:
    code, answer = ask(*command)

    assert code == 0
    assert isinstance(answer, kind)


def test_the_doctor_finds_no_fault_with_a_home_that_serves(ask: Ask) -> None:
    code, findings = ask("doctor", "--set", f"port={free_port()}", "--set", f"metrics_port={free_port()}")

    assert code == 0
    assert {each["name"]: each["outcome"] for each in findings}["champion"] == "ok"
    assert [each for each in findings if each["outcome"] == "fail"] == []


@pytest.mark.requirement("REG-016")
def test_a_way_back_that_would_not_work_is_known_before_it_is_needed(ask: Ask, copy: Path) -> None:
    ask("train", *QUICK, "--set", "als.seed=2", home=copy)
    ask("promote", "2", "--force", home=copy)
    before = found_by_doctor(ask, copy)["way back"]
    (copy / "versions" / "recommender" / "1" / "item_factors.npy").unlink()
    after = found_by_doctor(ask, copy)["way back"]

    assert (before, after) == ("ok", "warn")


def found_by_doctor(ask: Ask, home: Path) -> dict[str, str]:
    return {each["name"]: each["outcome"] for each in ask("doctor", home=home)[1]}


def test_what_was_done_is_on_the_record(ask: Ask) -> None:
    acts = [entry["action"] for entry in ask("audit")[1]]
    moves = ask("models", "history")[1]
    versions = ask("models")[1]

    assert acts[:4] == ["model_promoted", "challenger_named", "model_registered", "data_imported"]
    assert [(move["kind"], move["to_number"]) for move in moves] == [("promoted", 1)]
    assert versions[0]["aliases"] == ["champion"]


def test_importing_the_same_files_again_changes_nothing(ask: Ask, world: Path) -> None:
    before = ask("datasets")[1]
    code, report = ask("import", "auto", "--from", str(world / "community"))

    assert (code, report["repeated"]) == (0, True)
    assert ask("datasets")[1] == before


def test_a_table_is_read_as_its_columns_say(ask: Ask, tmp_path: Path) -> None:
    plays = tmp_path / "plays.tsv"
    plays.write_text("who\twhat\tplays\nann\tradio\t3\nann\tradio\t4\nbob\ttv\tmany\nbob\tradio\t1\n")
    table = ("import", "table", "--from", str(plays), "--columns", "user=who,item=what,value=plays")
    code, report = ask(*table, "--delimiter", r"\t", "--bad-row-budget", "0.5", home=tmp_path / "home")
    rows = ask("quarantine", "list", home=tmp_path / "home")[1]["rows"]

    assert code == 0
    assert (report["read"], report["accepted"], report["merged"]) == (4, 2, 1)
    assert sum(report["quarantined"].values()) == 1
    assert rows[0]["line"] == 4


def test_promotion_and_rollback_go_forth_and_back(ask: Ask, copy: Path) -> None:
    trained = ask("train", *QUICK, "--set", "als.seed=2", home=copy)[1]
    promoted = ask("promote", "2", "--force", "--reason", "a trial", home=copy)[1]
    returned = ask("rollback", "--reason", "a hunch", home=copy)[1]
    nowhere, refusal = ask("rollback", home=copy)

    assert trained["version"] == "recommender/2"
    assert (promoted["number"], promoted["replaced"]) == (2, 1)
    assert returned["restored"] == 1
    assert (nowhere, refusal["error"]["code"]) == (4, "rollback_impossible")


@pytest.mark.requirement("REG-011")
def test_a_tampered_version_is_found_and_cannot_be_promoted(ask: Ask, copy: Path) -> None:
    ask("train", *QUICK, "--set", "als.seed=2", home=copy)
    spoilt = copy / "versions" / "recommender" / "2" / "item_factors.npy"
    spoilt.chmod(0o600)
    spoilt.write_bytes(spoilt.read_bytes()[:-1] + b"!")
    code, verified = ask("models", "verify", home=copy)
    refused, refusal = ask("promote", "2", "--force", home=copy)

    # The versions, then the ledger, which nobody touched.
    assert (code, [row["verified"] for row in verified]) == (4, [True, False, True])
    assert refused == 4
    assert "item_factors.npy" in refusal["error"]["detail"]


def test_a_version_shows_every_gate_with_its_numbers_and_prints_its_card(trained: Ran, world: Path) -> None:
    assert trained.code == 0, trained.err
    shown = tacit("models", "show", "1", home=world / "home").out
    card = tacit("models", "card", "1", home=world / "home").out

    assert all(reason in " ".join(shown.split()) for reason in trained.answer["gate"]["reasons"])
    assert "gate.max_p95_ms" in shown
    assert "(nothing to go by) champion: There is no champion" in " ".join(shown.split())
    assert card == (world / "home" / "versions" / "recommender" / "1" / "model_card.md").read_text()


def test_a_refresh_that_is_asked_for_on_the_same_data_is_refused_saying_why(ask: Ask, copy: Path) -> None:
    code, outcome = ask("train", *QUICK, "--policy", "refresh", home=copy)

    failed = {each["gate"] for each in outcome["gate"]["findings"] if each["outcome"] == "fail"}
    assert (code, outcome["gate"]["policy"], outcome["gate"]["verdict"]) == (0, "refresh", "fail")
    assert {"newer_than_champion", "champion_old_enough"} <= failed


def test_too_little_evidence_is_registered_and_not_promoted(ask: Ask, copy: Path) -> None:
    code, outcome = ask("train", "--promote", *QUICK, "--set", "gate.min_cases=100000", home=copy)
    refused, refusal = ask("promote", "2", home=copy)

    assert (code, outcome["gate"]["verdict"], outcome["promoted"]) == (4, "insufficient", False)
    assert (refused, refusal["error"]["code"]) == (4, "gate_not_passed")


@pytest.mark.parametrize(
    ("command", "code", "name"),
    [
        (("models", "show", "99"), 3, "version_unknown"),
        (("promote", "99"), 3, "version_unknown"),
        (("train", "--dataset", "nobody"), 3, "dataset_unknown"),
        (("train", "--policy", "lenient"), 5, "policy_unknown"),
        (("models", "card", "99"), 3, "version_unknown"),
        (("import", "movielense", "--from", "/dev/null"), 5, "reader_unknown"),
        (("import", "auto", "--from", "/nowhere"), 5, "file_unreadable"),
        (("import", "table", "--from", "/dev/null"), 5, "columns_missing"),
        (("import", "auto", "--from", "/dev/null", "--columns", "user=a,item=b"), 5, "option_unexpected"),
        (("settings", "--set", "als.factor=3"), 78, "setting_unknown"),
        (("settings", "--set", "als"), 2, "usage_invalid"),
        (("models", "show", "one"), 2, "usage_invalid"),
        (("modles",), 2, "usage_invalid"),
    ],
    ids=spoken,
)
def test_an_error_is_one_object_with_its_code_and_ends_with_its_exit_code(
    ask: Ask, command: tuple[str, ...], code: int, name: str
) -> None:
    ended, answer = ask(*command)

    assert (ended, answer["error"]["code"], answer["error"]["exit_code"]) == (code, name, code)
    assert answer["error"]["detail"]


def test_people_are_told_the_code_the_field_and_the_fix_on_stderr(tmp_path: Path) -> None:
    ran = tacit("settings", "--set", "prot=1", home=tmp_path / "home")

    assert (ran.code, ran.out) == (78, "")
    assert "setting_unknown (prot)" in ran.err
    assert "Did you mean port?" in ran.err


@pytest.mark.parametrize("command", [("--help",), ("--version",), ("import", "--help"), ("settings",)], ids=" ".join)
def test_commands_that_open_nothing_make_no_home(command: tuple[str, ...], tmp_path: Path) -> None:
    ran = tacit(*command, home=tmp_path / "home")

    assert ran.code == 0
    assert ran.out
    assert not (tmp_path / "home").exists()
    print(f"{' '.join(command)}: {ran.seconds:.2f} s")


def test_a_version_signed_by_the_other_signer_is_promoted_beside_the_first(copy: Path) -> None:
    pytest.importorskip("model_signing", reason="the extra `signing` is not installed")

    trained = within("train", "--json", "--set", "signer=model-signing", *QUICK, home=copy)
    # It learnt nothing new, so its gate lets nobody through.
    promoted = within("promote", "2", "--force", "--reason", "another signer", "--json", home=copy)
    verified = within("models", "verify", "--all", "--json", home=copy)

    assert trained.answer["version"] == "recommender/2", trained.err
    assert promoted.answer["number"] == 2, promoted.err
    assert [each["verified"] for each in verified.answer] == [True, True, True]
    signatures = [(copy / "versions" / "recommender" / n / "signature.json").read_text() for n in ("1", "2")]
    assert ["model-signing" in text for text in signatures] == [False, True]
