"""One command from nothing to answers: `tacit up` on an empty home, again on a full one, and while things go wrong."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tacit.data import synthetic
from tests.attempts import shortest
from tests.shells import QUICK, Server, free_port, serving, tacit, within


@dataclass(frozen=True)
class FirstStart:
    """What was seen of a first start, after it was ended."""

    home: Path
    announced: dict[str, Any]
    answers: dict[str, httpx2.Response]
    exit_code: int
    ending_seconds: float


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> FirstStart:
    """`tacit up` on an empty home, asked a few things, and ended."""
    folder = tmp_path_factory.mktemp("first")
    synthetic.generate(folder / "community", users=200, items=150, artists_per_user=25)
    with serving("up", "--data", folder / "community", *QUICK, home=folder / "home") as server:
        paths = ("/", "/docs", "/openapi.json", "/readyz", "/api/v1/users/2/recommendations?limit=5")
        answers = {path: server.get(path) for path in paths}
        answers["/metrics"] = httpx2.get(server.announced["metrics"], timeout=10)
        ended = time.monotonic()
        exit_code = server.end(signal.SIGTERM)
        return FirstStart(folder / "home", server.announced, answers, exit_code, time.monotonic() - ended)


@pytest.fixture(scope="module")
def second(first: FirstStart) -> Iterator[Server]:
    """`tacit up` on the same home, with one more version in it than is served."""
    trained = within("train", "--json", *QUICK, home=first.home)
    # Nothing was learnt that the champion does not know.
    assert (trained.answer["gate"]["policy"], trained.answer["gate"]["verdict"]) == ("improve", "fail"), trained.err
    with serving("up", home=first.home) as server:
        yield server


def free_ports() -> tuple[str, ...]:
    return ("--set", f"port={free_port()}", "--set", f"metrics_port={free_port()}")


def until(holds: Callable[[], bool], *, seconds: float = 30.0) -> float:
    """Wait until something holds; how long that took."""
    started = time.monotonic()
    while not holds():
        assert time.monotonic() - started < seconds
        time.sleep(0.02)
    return time.monotonic() - started


def spoil(path: Path) -> None:
    """Flip one bit in the middle of a file."""
    path.chmod(0o600)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_first_start_imports_trains_promotes_and_says_where_it_serves(first: FirstStart) -> None:
    assert [step["name"] for step in first.announced["steps"]] == ["imported", "trained", "promoted"]
    assert first.announced["version"] == "recommender/1"


@pytest.mark.requirement("MON-008")
@pytest.mark.requirement("MON-009")
def test_the_metrics_tell_how_long_the_loaded_version_learnt_and_how_good_it_is(first: FirstStart) -> None:
    told = dict(re.findall(r"^(ml_\S+) (\S+)$", first.answers["/metrics"].text, re.MULTILINE))

    assert 0 < float(told["ml_training_duration_seconds"]) < 60
    assert 0 < float(told['ml_model_accuracy{metric="ndcg@10"}']) < 1


def test_pages_api_and_metrics_answer_where_it_said(first: FirstStart) -> None:
    answer = first.answers["/api/v1/users/2/recommendations?limit=5"].json()

    assert {path: answer.status_code for path, answer in first.answers.items()} == dict.fromkeys(first.answers, 200)
    assert "<html" in first.answers["/"].text
    assert 'recommendations_total{source="personal"} 1.0' in first.answers["/metrics"].text
    assert (answer["source"], answer["model_version"], len(answer["items"])) == ("personal", "recommender/1", 5)
    assert all(item["title"] and item["because"] for item in answer["items"])


def test_being_told_to_end_is_a_clean_end(first: FirstStart) -> None:
    assert first.exit_code == 0
    assert first.ending_seconds < 10


def test_what_was_shown_is_on_the_record_after_the_end(first: FirstStart) -> None:
    shown = within("exposures", "--json", home=first.home).answer

    assert "2" in [exposure["user_id"] for exposure in shown]


def test_a_second_start_serves_what_the_first_one_made_and_trains_nothing(second: Server) -> None:
    print(f"second start: {second.seconds:.2f} s")

    assert second.announced["steps"] == []


def test_a_second_server_on_a_home_is_refused_within_two_seconds_and_told_who_is_first(second: Server) -> None:
    def refused() -> float:
        ran = tacit("up", "--json", home=second.home)
        assert (ran.code, ran.answer["error"]["code"]) == (6, "home_in_use")
        assert str(second.process.pid) in ran.err
        return ran.seconds

    assert shortest(refused, within=2) < 2


@pytest.mark.requirement("REG-002", "REG-014")
def test_a_promotion_by_another_process_is_served_within_two_seconds_and_so_is_the_way_back(second: Server) -> None:
    def forth_and_back() -> float:
        before = second.version()
        promoted = tacit("promote", "2", "--force", "--json", home=second.home)
        forth = until(lambda: second.version() == "recommender/2")
        returned = within("rollback", "--json", home=second.home)
        back = until(lambda: second.version() == "recommender/1")
        assert (before, promoted.code, returned.code) == ("recommender/1", 0, 0)
        return max(forth, back)

    assert shortest(forth_and_back, within=2) < 2


@dataclass(frozen=True)
class Tampering:
    """What a server did when the champion it was to load next had a flipped byte, and how it ended."""

    promoted: int
    health: str
    version: str
    log: str
    exit_code: int


@pytest.fixture(scope="module")
def tampering(first: FirstStart, tmp_path_factory: pytest.TempPathFactory) -> Tampering:
    folder = tmp_path_factory.mktemp("tampering")
    home = Path(shutil.copytree(first.home, folder / "home", ignore=shutil.ignore_patterns("*.sock")))
    assert within("train", "--json", *QUICK, home=home).code == 0
    newest = max((home / "versions" / "recommender").iterdir(), key=lambda version: int(version.name))
    with serving("serve", home=home) as server:
        # Held still, so that it cannot have read the version before its byte flips.
        server.process.send_signal(signal.SIGSTOP)
        promoted = within("promote", newest.name, "--force", "--json", home=home).code
        spoil(newest / "item_factors.npy")
        server.process.send_signal(signal.SIGCONT)
        until(lambda: server.get("/health").json()["status"] != "healthy")
        health, version = server.get("/health").json()["status"], server.version()
        ended = server.end(signal.SIGINT)
    return Tampering(promoted, health, version, (folder / "server.log").read_text(), ended)


@pytest.mark.requirement("REG-011")
def test_a_byte_flipped_in_the_new_champion_keeps_the_old_one_serving_and_says_so(tampering: Tampering) -> None:
    assert (tampering.promoted, tampering.version, tampering.health) == (0, "recommender/1", "degraded")
    assert "version_refused" in tampering.log


def test_interrupting_a_server_at_the_keyboard_is_no_failure(tampering: Tampering) -> None:
    assert tampering.exit_code == 0


def test_a_port_in_use_is_named_with_its_setting_before_anything_is_imported(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        ran = tacit("up", "--json", "--port", port, "--set", f"metrics_port={free_port()}", home=tmp_path / "home")

    assert ran.code == 78
    assert (ran.answer["error"]["code"], ran.answer["error"]["field"]) == ("port_unavailable", "port")
    assert not (tmp_path / "home" / "history").exists()


def test_serving_a_home_without_a_champion_says_how_to_get_one(tmp_path: Path) -> None:
    ran = within("serve", "--json", *free_ports(), home=tmp_path / "home")

    assert (ran.code, ran.answer["error"]["code"]) == (4, "champion_missing")
    assert "tacit up" in ran.err


def test_what_fails_its_gate_is_never_served_by_up(first: FirstStart, tmp_path: Path) -> None:
    community = first.home.parent / "community"
    strict = ("--set", "gate.min_cases=100000")
    ran = within("up", "--json", "--data", community, *QUICK, *strict, *free_ports(), home=tmp_path / "home")
    versions = within("models", "--json", home=tmp_path / "home").answer

    assert (ran.code, ran.answer["error"]["code"]) == (4, "gate_not_passed")
    assert [(row["verdict"], row["aliases"]) for row in versions] == [("insufficient", ["challenger"])]
