"""Rollouts at the shell: each command says what it did, to people and to programs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.shells import Ran, within
from tests.stages import stage


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a champion, version 2, and a candidate, version 3; nothing is ever begun in it."""
    home = tmp_path_factory.mktemp("home")
    with stage(home) as made:
        made.release()
        made.release(seed=2)
        made.register(seed=3)
    return home


@pytest.fixture
def home(idle: Path, tmp_path: Path) -> Path:
    """The same, to begin something in."""
    return Path(shutil.copytree(idle, tmp_path / "home"))


def ask(home: Path, *arguments: str) -> Ran:
    return within("rollout", *arguments, home=home)


def test_a_rollout_goes_from_the_shell_to_all_users(home: Path) -> None:
    begun = ask(home, "start", "3", "--reason", "better", "--steps", "10,100", "--advance", "manual", "--json")
    steps = [ask(home, "advance", "--reason", "well", "--json").answer["stage"] for _ in range(2)]
    flipped = ask(home, "promote", "1", "--reason", "now", "--json")
    listed = ask(home, "list", "--json")

    assert (begun.code, begun.answer["state"], begun.answer["course"]["steps"]) == (0, "shadow", [10.0, 100.0])
    assert steps == ["canary-10", "canary-100"]
    assert (flipped.answer["state"], flipped.answer["by"]) == ("watching", flipped.answer["actor"])
    assert [each["version"] for each in listed.answer] == ["recommender/3"]
    versions = within("models", "list", "--json", home=home).answer
    assert [each["number"] for each in versions if "champion" in each["aliases"]] == [3]


def test_its_status_tells_a_person_every_number_beside_its_limit(home: Path) -> None:
    ask(home, "start", "3", "--reason", "better")
    told = ask(home, "status")
    status = ask(home, "status", "1", "--json").answer

    assert "shadow so far: insufficient" in told.out
    assert "mirrored" in told.out
    assert "Rollout 1 of recommender/3: shadow, by" in told.out
    [mirrored] = [each for each in status["judged"]["findings"] if each["gate"] == "mirrored"]
    assert mirrored["numbers"] == {"measured": 0.0, "limit": 200.0}


def test_it_is_ended_from_the_shell_and_followed_to_its_end(home: Path) -> None:
    ask(home, "start", "3", "--reason", "better")
    ended = ask(home, "abort", "--reason", "a bad feeling")
    followed = ask(home, "status", "--follow")

    assert ended.out == f"Rollout 1 of recommender/3: aborted, by {actor()} (a bad feeling)\n"
    assert (followed.code, followed.out) == (4, ended.out)


def actor() -> str:
    from tacit.entrypoints.cli.people import actor

    return actor()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("start", "3"), "reason_missing"),
        (("start", "9", "--reason", "x"), "version_unknown"),
        (("start", "2", "--reason", "x"), "already_champion"),
        (("start", "3", "--reason", "x", "--steps", "5,x"), "steps_invalid"),
        (("start", "3", "--reason", "x", "--steps", "5,25"), "steps_invalid"),
        (("start", "3", "--reason", "x", "--advance", "always"), "advance_invalid"),
        (("status",), "rollout_missing"),
        (("abort",), "rollout_missing"),
        (("abort", "7"), "rollout_unknown"),
    ],
)
def test_what_cannot_be_is_said_and_begins_nothing(idle: Path, arguments: tuple[str, ...], code: str) -> None:
    ran = ask(idle, *arguments, "--json")

    assert ran.code != 0
    assert ran.answer["error"]["code"] == code
    assert ask(idle, "list", "--json").answer == []


def test_steps_that_do_not_rise_to_all_users_are_refused_in_the_settings(idle: Path) -> None:
    ran = within("rollout", "list", "--set", "rollout.steps=[25, 5, 100]", "--json", home=idle)

    assert ran.code != 0
    assert "steps" in str(ran.answer["error"])
