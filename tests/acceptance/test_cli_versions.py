"""Versions looked after at the shell, and told of over HTTP: kept, pruned, taken elsewhere, always on record."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tacit.bootstrap import build, load_settings, serving
from tacit.bootstrap.upkeep import version_desk
from tacit.data import synthetic
from tacit.entrypoints.api.app import create_app
from tacit.entrypoints.api.version_schemas import HistoryBody, ManifestBody, VersionsBody
from tacit.entrypoints.api.versions import version_routes
from tests.shells import QUICK, within
from tests.stages import listening

Ask = Callable[..., tuple[int, Any]]
TWO = ("--set", "registry.keep_versions=2")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with three versions, the first two of which were promoted."""
    folder = tmp_path_factory.mktemp("world")
    synthetic.generate(folder / "community", users=120, items=100, artists_per_user=20)
    home = folder / "home"
    assert within("import", "auto", "--from", folder / "community", home=home).code == 0
    for seed in (1, 2, 3):
        trained = within("train", "--set", f"als.seed={seed}", *QUICK, home=home)
        assert trained.code == 0, trained.err
        if seed < 3:
            assert within("promote", str(seed), "--force", "--reason", f"turn {seed}", home=home).code == 0
    return folder


@pytest.fixture
def home(world: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(world / "home", tmp_path / "home"))


@pytest.fixture
def ask(home: Path) -> Ask:
    def asking(*arguments: object, home: Path = home) -> tuple[int, Any]:
        ran = within(*map(str, arguments), "--json", home=home)
        return ran.code, ran.answer if ran.code in (0, 4) and ran.out.strip() else ran.err

    return asking


@pytest.mark.requirement("REG-003")
def test_every_role_of_every_version_is_listed(ask: Ask) -> None:
    assert ask("models", "pin", 1, "--reason", "the one we know")[0] == 0

    rows = ask("models", "list")[1]

    assert {row["number"]: row["aliases"] for row in rows} == {
        1: ["previous", "pinned"],
        2: ["champion"],
        3: ["challenger"],
    }
    assert rows[0]["pinned_because"] == "the one we know"
    assert ask("models", "unpin", 1)[1]["was_pinned"] is True


def test_which_version_was_champion_then_is_answered_from_the_ledger(ask: Ask) -> None:
    moves = ask("models", "history")[1]
    found = ask("models", "history", "--at", moves[0]["at"])[1]
    code, said = ask("models", "history", "--at", "2001-01-01")

    assert (found["number"], found["since"], found["until"]) == (1, moves[0]["at"], moves[1]["at"])
    assert found["move"]["reason"] == "turn 1"
    assert (code, "champion_unknown" in said) == (3, True)
    assert ask("models", "history", "--at", "yesterday")[0] == 5


def test_a_changed_ledger_is_told_by_every_command_that_looks(ask: Ask, home: Path) -> None:
    whole = ask("models", "history", "--verify")
    with closing(sqlite3.connect(home / "tacit.db")) as database, database:
        database.execute("DROP TRIGGER promotions_refuse_update")
        database.execute("UPDATE promotions SET actor = 'eve' WHERE sequence = 2")
    code, found = ask("models", "history", "--verify")
    verified = ask("models", "verify", "--all")
    doctor = within("doctor", "--json", home=home)

    assert (whole[0], whole[1]["whole"], whole[1]["entries"]) == (0, True, 2)
    assert (code, found["broken"]["sequence"], found["whole"]) == (4, 2, False)
    assert (verified[0], verified[1][-1]["code"], verified[1][-1]["number"]) == (4, "ledger_broken", None)
    assert {each["name"]: each["outcome"] for each in doctor.answer}["ledger"] == "fail"


def test_a_head_noted_elsewhere_must_be_in_the_ledger(ask: Ask) -> None:
    head = ask("models", "history", "--verify")[1]["head"]

    assert ask("models", "history", "--verify", "--head", head)[0] == 0
    assert ask("models", "history", "--verify", "--head", "0" * 64)[0] == 4


def test_pruning_says_beforehand_what_it_would_do_and_leaves_metadata_that_verify(ask: Ask, home: Path) -> None:
    within("rollback", home=home)
    within("promote", "3", "--force", home=home)
    within("promote", "1", "--force", home=home)
    one = ("--set", "registry.keep_versions=1")
    would, did = ask("models", "prune", "--dry-run", *one)[1], ask("models", "prune", *one)[1]
    rows = ask("models", "verify", "--all")[1]

    assert [each["number"] for each in would["pruned"]] == [each["number"] for each in did["pruned"]] == [2]
    assert would["pruned"][0]["freed_bytes"] == did["pruned"][0]["freed_bytes"] > 0
    assert [(row["number"], row["verified"], row["state"]) for row in rows[:3]] == [
        (1, True, "deployable"),
        (2, True, "pruned"),
        (3, True, "deployable"),
    ]
    assert ask("models", "show", 2)[1]["pruned_at"] is not None
    assert ask("models", "card", 2)[1]["card"].startswith("# recommender")
    assert "version_pruned" in within("promote", "2", "--force", home=home).err
    assert "version_pruned" in within("evaluate", "2", home=home).err
    actions = [entry["action"] for entry in ask("audit", "--limit", "2")[1]]
    assert actions == ["promotion_refused", "model_pruned"]


@pytest.mark.requirement("REG-001")
def test_training_prunes_what_the_settings_no_longer_keep(ask: Ask, home: Path) -> None:
    assert within("train", *QUICK, "--set", "als.seed=9", *TWO, home=home).code == 0
    assert within("promote", "4", "--force", *TWO, home=home).code == 0
    assert within("train", *QUICK, "--set", "als.seed=10", *TWO, home=home).code == 0

    rows = ask("models", "list")[1]

    assert [row["number"] for row in rows if row["pruned_at"]] == [1, 3]


def test_a_version_goes_to_another_installation_and_is_served_there_only_once_promoted(
    ask: Ask, home: Path, world: Path, tmp_path: Path
) -> None:
    file, other = tmp_path / "two.tar", tmp_path / "other"
    exported = ask("models", "export", 2, file)
    again = ask("models", "export", 2, file)
    within("import", "auto", "--from", world / "community", home=other)
    strange = within("models", "import", str(file), "--json", home=other)
    (other / "keys" / "trusted").mkdir(parents=True)
    shutil.copy(home / "keys" / "signing.pub", other / "keys" / "trusted" / "ours.pub")
    imported = ask("models", "import", file, home=other)
    twice = within("models", "import", str(file), home=other)

    assert (exported[0], exported[1]["bytes"]) == (0, file.stat().st_size)
    assert (again[0], "file_exists" in again[1]) == (5, True)
    assert (strange.code, "not trusted here" in strange.err, "keys/trusted" in strange.err) == (4, True, True)
    assert (imported[0], imported[1]["number"], imported[1]["origin"]["origin_number"]) == (0, 1, 2)
    assert ask("models", "list", home=other)[1][0]["aliases"] == []
    assert within("promote", "1", "--force", home=other).code == 0
    assert (twice.code, "version_known" in twice.err) == (4, True)


def test_files_that_are_no_versions_are_refused_by_name(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "foreign.tar").write_text("hello")

    assert ask("models", "import", tmp_path / "nowhere.tar")[0] == 3
    assert ask("models", "import", tmp_path)[0] == 5
    code, said = ask("models", "import", tmp_path / "foreign.tar")
    assert (code, "bundle_invalid" in said) == (5, True)
    assert ask("models", "export", 1, tmp_path / "no" / "folder.tar")[0] == 5
    assert ask("models", "export", 99, tmp_path / "new.tar")[0] == 3
    assert not (tmp_path / "new.tar").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("models", "show", "9" * 25), 2, "NUMBER"),
        (("models", "verify", "9" * 25), 2, "NUMBER"),
        (("rollout", "status", "9" * 25), 2, "ROLLOUT"),
        (("rollout", "start", "9" * 25, "--reason", "x"), 2, "NUMBER"),
        (("models", "pin", "1", "--reason", " "), 5, "reason_missing"),
        (("models", "pin", "1", "--reason", "\udcff"), 5, "reason_invalid"),
        (("promote", "3", "--force", "--reason", "a\nb"), 5, "reason_invalid"),
        (("rollback", "--reason", "\udcff"), 5, "reason_invalid"),
        (("models", "import", "/dev/zero"), 5, "bundle_invalid"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_its_name_and_changes_nothing(
    world: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    home = world / "home"
    before = within("audit", "--json", home=home).answer
    ran = within(*arguments, home=home)

    assert (ran.code, said in ran.err) == (code, True)
    assert within("audit", "--json", home=home).answer == before


@pytest.mark.requirement("REG-018")
def test_versions_and_their_past_are_told_over_http(home: Path) -> None:
    in_force = load_settings(flags={"home": home}, environ={})
    with build(in_force) as app, serving(app) as parts:
        api = create_app(
            parts.service, parts.pool, parts.metrics, version="0", extra_routers=[version_routes(version_desk(app))]
        )
        with listening(api) as client:
            listed, one, history = (client.get(f"/api/v1/models{each}") for each in ("", "/2", "/history"))
            moves = history.json()["moves"]
            then = client.get("/api/v1/models/history", params={"at": moves[0]["at"]})
            refused = {each: _code(client, each) for each in ("/99", "/0", "/x", "/history?at=soon", "/history?on=1")}

    VersionsBody.model_validate_json(listed.content)
    ManifestBody.model_validate_json(one.content)
    HistoryBody.model_validate_json(history.content)
    HistoryBody.model_validate_json(then.content)
    assert [each["aliases"] for each in listed.json()["versions"]] == [["previous"], ["champion"], ["challenger"]]
    assert (one.json()["number"], [move["to_number"] for move in moves]) == (2, [1, 2])
    assert then.json()["champion"]["version"] == "recommender/1"
    assert refused == {
        "/99": (404, "version_unknown"),
        "/0": (422, "value_range"),
        "/x": (422, "value_range"),
        "/history?at=soon": (422, "time_invalid"),
        "/history?on=1": (422, "field_unknown"),
    }


def _code(client: httpx2.Client, path: str) -> tuple[int, str]:
    response = client.get(f"/api/v1/models{path}")
    return response.status_code, response.json()["code"]
