"""Versions brought to users who look and click over HTTP: bad ones come to few and go soon, and nobody is failed."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tacit.bootstrap import App
from tacit.entrypoints.api.rollout_schemas import RolloutStatusBody
from tacit.rollout.rollouts import RolloutStep
from tests.arm_servers import arm_server, start_arm_server
from tests.attempts import ATTEMPTS
from tests.canaries import (
    CANDIDATE,
    CHAMPION,
    Aborted,
    Crowd,
    aborted,
    ask,
    begin,
    crowd,
    home_with_candidate,
    last_unlike_the_step,
    most_who_meet,
    now_at,
    opened,
    splits,
    tell,
    true_ctr,
    wait_for,
)
from tests.faults.arm_server_child import Misbehaviour
from tests.shells import Server, serving, within
from tests.stages import wait_until

ERRING = Misbehaviour(2, errors=0.03, seed=2_026, is_hidden=True)
SLOW = Misbehaviour(2, delay_seconds=0.3, is_hidden=True)

SOON = {"bake_minutes": 0.05, "watch_minutes": 0.05, "min_mirrored": 30}
"""Stages of seconds; what they must show is as it is usually."""

TINY = {
    "bake_minutes": 0.01, "watch_minutes": 0.02, "min_mirrored": 30, "min_requests": 30, "min_users": 10,
    "clicks": "ignored",
}  # fmt: skip
"""Stages that last no longer than it takes to look at them."""

OFTEN = ("rollout.every_seconds=0.2", "rollout.settling_seconds=0.4", "serving.refresh_seconds=0.2")
HASTY = tuple(word for setting in OFTEN for word in ("--set", setting))
"""A server that looks more often than usual."""


@contextmanager
def serve(home: Path, *roles: str, settings: tuple[str, ...] = ()) -> Iterator[list[Server]]:
    """Real servers: one that takes events, then readers."""
    with ExitStack() as stack:
        yield [stack.enter_context(serving("serve", *settings, *role, home=home)) for role in map(_role, roles)]


def _role(name: str) -> list[str]:
    return ["--reader"] if name == "reader" else []


def address(server: Server) -> str:
    return str(server.announced["pages"].rstrip("/"))


def until_aborted(app: App, people: Crowd) -> list[dict[str, Any]]:
    """Wait until the keepers abort; what the status said meanwhile."""
    said: list[dict[str, Any]] = []
    with httpx2.Client(base_url=people.addresses[0], timeout=10) as client:

        def is_over() -> bool:
            time.sleep(0.25)
            response = client.get("/api/v1/rollouts/1")
            RolloutStatusBody.model_validate_json(response.content)
            said.append(response.json())
            return now_at(app).is_over

        wait_for(app, "canary")
        wait_until(is_over, seconds=60)
    assert now_at(app).state == "aborted", now_at(app)
    # All processes follow within two seconds; nobody may meet it after that.
    wait_for_visits(people, until_ms=people.last_ms + 3_000)
    return said


def aborted_by_keepers(home: Path, name: str, *addresses: str, **settings: object) -> tuple[Aborted, Crowd]:
    """Begin a rollout under load on servers that run, and have the keepers end it."""
    with opened(home) as app, crowd(*addresses) as people:
        begin(home, **{**SOON, **settings})
        said = until_aborted(app, people)
        people.go()
        wait_until(lambda: _counted(app) >= _shown(people), seconds=10)
        _check_status(said)
        _check_the_end(app, home)
        return aborted(name, app, people), people


def wait_for_visits(people: Crowd, *, until_ms: int) -> None:
    """Wait until somebody was answered after some moment."""
    wait_until(lambda: people.last_ms > until_ms, seconds=20)


def _counted(app: App) -> int:
    return app.arm_traffic.counts("rollout-1", "canary-5")["canary"].requests


def _shown(people: Crowd) -> int:
    return sum(visit.model_version == CANDIDATE for visit in people.visits)


def _check_status(said: list[dict[str, Any]]) -> None:
    """While it ran the status told each number beside its limit, and the numbers grew."""
    canary = [each for each in said if each["state"] == "canary"]
    first, last = (
        {finding["gate"]: finding["numbers"] for finding in each["judged"]["findings"]}
        for each in (canary[0], canary[-1])
    )
    assert first.keys() >= {"bake", "requests", "errors", "latency_p95", "clicks"}
    assert first["requests"]["measured"] < last["requests"]["measured"]
    assert last["requests"]["limit"] == 200


def _check_the_end(app: App, home: Path) -> None:
    """The champion is the one of before, users are divided no longer, and it was asked in secret before any met it."""
    plan = app.traffic.plan("recommender")
    assert (plan.split, plan.shadow) == (None, None)
    assert champions(home) == [1]
    assert [step.state for step in app.rollouts.standing.store.history(1)] == ["shadow", "canary", "aborted"]
    assert app.arm_traffic.shadow("rollout-1").answered >= SOON["min_mirrored"]


def champions(home: Path) -> list[int]:
    """Versions that are called champion: one, always."""
    listed = within("models", "list", "--json", home=home).answer
    return [each["number"] for each in listed if "champion" in each["aliases"]]


def _check_aborted(row: Aborted, people: Crowd) -> None:
    tell(row)
    assert people.failures == []
    assert row.requests <= 200 or row.seconds <= 30
    assert row.share <= most_who_meet(0.05)
    assert row.lag <= 2


@pytest.mark.slow
@pytest.mark.requirement("ROLL-003")
@pytest.mark.requirement("ROLL-004")
@pytest.mark.parametrize(("name", "how"), [("3 % errors", ERRING), ("+300 ms", SLOW)])
def test_a_version_that_errs_or_dawdles_is_gone_before_many_meet_it(
    name: str, how: Misbehaviour, tmp_path: Path
) -> None:
    home = home_with_candidate(tmp_path / "home")
    # Another seed: two that err at the same turns would err in bursts.
    elsewhere = replace(how, seed=how.seed + 1)
    with arm_server(home, misbehaviour=how) as one, arm_server(home, role="reader", misbehaviour=elsewhere) as other:
        row, people = aborted_by_keepers(home, name, one.address, other.address)

    _check_aborted(row, people)
    # Where it failed the champion answered.
    stood_in = [visit for visit in people.visits if visit.is_degraded]
    assert {visit.model_version for visit in stood_in} <= {CHAMPION}
    assert len(stood_in) >= (2 if how.errors else 0)


@pytest.mark.slow
@pytest.mark.requirement("ROLL-003")
def test_a_version_whose_lists_are_clicked_less_is_gone_before_many_meet_it(tmp_path: Path) -> None:
    home = home_with_candidate(tmp_path / "home", "chance")
    with serve(home, "all", "reader") as servers:
        row, people = aborted_by_keepers(home, "CTR -30 %", *map(address, servers), min_overlap=0.0)
    truth = true_ctr(people.visits)

    _check_aborted(row, people)
    print(f"true CTR: {truth}")
    assert 0.6 * truth[CHAMPION] < truth[CANDIDATE] < 0.75 * truth[CHAMPION]
    assert any("clicked" in reason for reason in row.reasons)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.requirement("ROLL-002")
@pytest.mark.requirement("ROLL-008")
def test_a_good_version_comes_to_all_users_step_by_step_and_no_request_fails(tmp_path: Path) -> None:
    home = home_with_candidate(tmp_path / "home", verdict="insufficient")
    refused = ask(home, "start", "2", "--reason", "a trial")
    with serve(home, "all", "reader") as servers, opened(home) as app, crowd(*map(address, servers)) as people:
        begin(home, "--force", **SOON)
        seen = status_in_each_stage(app, home, "canary-5", "canary-25", "canary-100", "watching")
        wait_for(app, "done", seconds=100)
        people.go()
        history = app.rollouts.standing.store.history(1)

    assert (refused.code, refused.answer["error"]["code"]) == (4, "gate_not_passed")
    assert [step.stage for step in history if step.state in ("shadow", "canary")] == [
        "shadow", "canary-5", "canary-25", "canary-100",
    ]  # fmt: skip
    assert [step.state for step in history][-3:] == ["flipping", "watching", "done"]
    assert people.failures == []
    assert champions(home) == [2]
    _check_followed(people, history)
    print_course(history, people, seen)


def status_in_each_stage(app: App, home: Path, *stages: str) -> list[dict[str, Any]]:
    """What the shell tells of a rollout in each stage: where it is, and numbers beside their limits."""
    found = []
    for stage in stages:
        wait_for(app, stage, seconds=100)
        status = ask(home, "status").answer
        numbers = [each["numbers"] for each in status["judged"]["findings"] if "measured" in each["numbers"]]
        assert len(numbers) >= 5
        assert all("limit" in each for each in numbers)
        found.append(status)
    return found


def _check_followed(people: Crowd, history: Sequence[RolloutStep]) -> None:
    """Each server did as each step says within two seconds, and whoever met the version met it until the end."""
    by_stage = [step for step in history if step.state in ("shadow", "canary", "watching", "done")]
    for server in range(len(people.addresses)):
        lag = last_unlike_the_step(people.of_server(server), by_stage, splits(5, 25, 100))
        print(f"\nserver {server} followed each step within {lag:.2f} s")
        assert lag <= 2
    all_meet_it = next(step.at_ms for step in history if step.stage == "canary-100") + 2_000
    assert {visit.model_version for visit in people.visits if visit.at_ms > all_meet_it} == {CANDIDATE}


def print_course(history: Sequence[RolloutStep], people: Crowd, seen: list[dict[str, Any]]) -> None:
    for step, following in pairwise(history):
        within_it = [visit for visit in people.visits if step.at_ms <= visit.at_ms < following.at_ms]
        met = Counter(visit.model_version for visit in within_it)
        print(f"{step.state:<10}{step.stage:<12}{(following.at_ms - step.at_ms) / 1_000:>7.1f} s  {dict(met)}")
    print(f"{len(people.visits)} requests, {len(people.failures)} failed; {len(seen)} looks at the status")


def brought(home: Path, app: App) -> Sequence[RolloutStep]:
    """The course of a rollout that came to its end.

    Stages this short rest on few answers: on a machine that stood still meanwhile, a good version is as slow as a bad
    one, and rightly ended.  So there are further attempts.
    """
    for _ in range(ATTEMPTS):
        number = begin(home, "--steps", "25,100", **TINY)
        wait_for(app, "done")
        history = app.rollouts.standing.store.history(number)
        if history[-1].state == "done":
            break
    return history


@pytest.mark.requirement("ROLL-002")
@pytest.mark.requirement("ROLL-008")
def test_a_good_version_comes_to_all_users_within_seconds_where_stages_are_short(tmp_path: Path) -> None:
    home = home_with_candidate(tmp_path / "home")
    with serve(home, "all", settings=HASTY) as servers, opened(home) as app, crowd(address(servers[0])) as people:
        history = brought(home, app)
        people.go()

    course = ["shadow", "canary", "canary", "flipping", "watching", "done"]
    assert [step.state for step in history] == course, history[-1].reasons
    assert people.failures == []
    assert champions(home) == [2]
    print_course(history, people, [])


KILLED_IN = ("shadow", "canary-5", "canary-25", "canary-100")


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.requirement("ROLL-008")
@pytest.mark.requirement("ROLL-009")
def test_a_server_killed_in_every_state_takes_up_from_there(tmp_path: Path) -> None:
    home = home_with_candidate(tmp_path / "home")
    with opened(home) as app, crowd("http://127.0.0.1:9", each=3) as people:
        people.is_down = True
        begin(home, **TINY)
        for stage in KILLED_IN:
            killed_within(home, app, people, stage)
        killed_flipping(home, app, people)
        killed_within(home, app, people, "watch")
        with serve(home, "all", settings=HASTY) as servers:
            turn_to(people, address(servers[0]))
            wait_for(app, "done")
            wait_for_visits(people, until_ms=people.last_ms + 2_000)
            people.go()
        history = app.rollouts.standing.store.history(1)
        assert app.traffic.plan("recommender").split is None

    assert people.failures == []
    assert [step.state for step in history] == ["shadow", *["canary"] * 3, "flipping", "watching", "done"]
    assert champions(home) == [2]
    _check_followed(people, history)
    print_course(history, people, [])


def turn_to(people: Crowd, there: str) -> None:
    """Have everybody ask a server that listens from now on."""
    people.addresses[:] = [there]
    people.is_down = False


def killed_within(home: Path, app: App, people: Crowd, stage: str) -> None:
    """Serve until the rollout is in a stage and users were answered in it; then the server is killed."""
    with serve(home, "all", settings=HASTY) as [server]:
        turn_to(people, address(server))
        reached = wait_for(app, stage)
        wait_for_visits(people, until_ms=reached.entered_ms + 300)
        people.is_down = True
        server.process.send_signal(signal.SIGKILL)
        server.process.wait(timeout=10)
    _check_at_rest(app, home, stage)


def killed_flipping(home: Path, app: App, people: Crowd) -> None:
    """Serve until the champion is moved; the server is killed in the midst of it."""
    server = start_arm_server(home, misbehaviour=Misbehaviour(2, dies_flipping=True))
    try:
        people.addresses[:] = [server.address]
        assert server.process.wait(timeout=90) == -signal.SIGKILL
    finally:
        people.is_down = True
        server.kill()
    assert now_at(app).state == "flipping"
    _check_at_rest(app, home, "canary-100")


def _check_at_rest(app: App, home: Path, stage: str) -> None:
    """What a dead server left: one champion, and users divided as the rollout's stage has it."""
    rollout = now_at(app)
    split = app.traffic.plan("recommender").split
    assert rollout.stage == stage
    assert split is not None
    assert split.stage == stage
    assert champions(home) == ([2] if stage == "watch" else [1])
