"""An A/B test from the shell to its end: real servers, users who click, and a verdict that has the right sign."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tacit.bootstrap import App, build, load_settings
from tacit.data.datasets import SnapshotRules, freeze
from tacit.data.interactions import Interactions
from tacit.models.recommender.als import AlsSettings
from tacit.models.recommender.workload import RecommenderWorkload
from tacit.rollout.ab_desk import AbKeeper
from tests.clicking_users import ClickingUsers, Tastes, Visit
from tests.communities import interactions, rows_of, titled, two_tastes
from tests.integration.test_http_events import Platform, platform
from tests.shells import within
from tests.stages import wait_until

USERS, ITEMS = 400, 240
WORKLOAD = RecommenderWorkload(AlsSettings(factors=4, iterations=6))
FLAGS = {"ab.check_seconds": 3_600.0, "als.factors": 4}
"""The keeper looks once, at the start: the tests ask it to look."""


def community() -> Interactions:
    return two_tastes(users=USERS, items=ITEMS)


def shuffled(found: Interactions) -> Interactions:
    """The same users and items, and who met what is chance."""
    rows = rows_of(found)
    items = [row[1] for row in rows]
    random.Random(1).shuffle(items)
    # A user who got an item twice keeps one of them.
    return interactions(
        list({(row[0], item): (row[0], item, row[2]) for row, item in zip(rows, items, strict=True)}.values())
    )


def tastes() -> Tastes:
    """Even users like the first half of the items, odd ones the second; nobody says so."""
    items = [f"i{number:03}" for number in range(ITEMS)]
    halves = (frozenset(items[: ITEMS // 2]), frozenset(items[ITEMS // 2 :]))
    return Tastes({f"u{number:03}": halves[number % 2] for number in range(USERS)}, keen=0.1, stray=0.01)


def register(app: App, found: Interactions) -> int:
    model = WORKLOAD.fit(freeze(found, titled(found), SnapshotRules())).model
    return app.registry.register(
        lambda folder: WORKLOAD.save(model, folder),
        name="recommender",
        workload="recommender",
        dataset="made-up",
        snapshot="5eed" * 8,
        code="c0de" * 8,
        hyperparameters={},
        metrics={"ndcg@10": 0.2},
        gate={"verdict": "pass", "reasons": []},
        lineage={},
        actor="ann",
    ).number


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a good champion, and a second version that learnt from chance."""
    home = tmp_path_factory.mktemp("ab") / "home"
    with build(load_settings(flags={"home": home, **FLAGS}, environ={})) as app:
        app.promote(register(app, community()), actor="ann")
        register(app, shuffled(community()))
    return home


@pytest.fixture
def running(trained: Path) -> Iterator[Platform]:
    with platform(trained, **FLAGS) as running:
        running.parts.pool.refresh()
        yield running


def ask(home: Path, *arguments: str) -> Any:
    ran = within(*arguments, "--json", home=home)
    assert ran.code == 0, ran.err
    return ran.answer


@pytest.mark.slow
@pytest.mark.requirement("EVAL-019")
@pytest.mark.requirement("ROLL-005")
def test_a_worse_version_is_found_worse_by_those_who_click(running: Platform, trained: Path) -> None:
    arms = ("--arm", "champion=0.5", "--arm", "chance=0.5,version=2")
    number = str(ask(trained, "ab", "create", "Chance", *arms, "--min-users", "100")["number"])
    split_id = ask(trained, "ab", "start", number)["split_id"]
    split = running.app.ab.test(int(number)).split
    people = ClickingUsers(tastes())
    # Those who look until the split is in force everywhere look too early to be in any arm.
    wait_until(lambda: people.visit(running.client, _of(split, "chance")).model_version == "recommender/2")
    people.visits[:] = people.visits[-1:]

    people.visit_all(running.client, rounds=2)
    clicked = sum(bool(visit.clicked) for visit in people.visits)
    wait_until(lambda: _counted(running, split_id) == (len(people.visits), clicked), seconds=20)
    found = ask(trained, "ab", "report", number)
    truth = people.true_ctr(lambda visit: split.arm_of(visit.user_id).name)
    [effect] = found["effects"]

    print(f"\ntrue CTR: {truth}")
    print(within("ab", "report", number, home=trained).out)
    assert truth["chance"] < 0.85 * truth["champion"]
    assert effect["relative_low"] <= truth["chance"] / truth["champion"] - 1 <= effect["relative_high"]
    assert effect["relative_high"] < 0
    assert found["mismatch_p"] > 0.005
    assert {arm: each["ctr"] for arm, each in found["outcomes"].items()} == pytest.approx(
        people.seen_ctr(lambda visit: split.arm_of(visit.user_id).name)
    )
    assert _versions_are_those_of_their_arms(people.visits, split)

    ended = AbKeeper(running.app.ab, clock_ms=lambda: int(time.time() * 1_000)).tick()
    assert [(test.number, test.state) for test in ended] == [(int(number), "stopped")]
    wait_until(lambda: people.visit(running.client, _of(split, "chance")).model_version == "recommender/1")


def _of(split: Any, arm: str) -> str:
    return next(user for user in sorted(tastes().liked) if split.arm_of(user).name == arm)


def _counted(running: Platform, split_id: str) -> tuple[int, int]:
    """Lists that the platform counts since the users began, and how many of them were clicked."""
    arms = running.app.outcomes.by_arm(split_id, since_ms=0).values()
    return sum(each.lists for each in arms), sum(each.clicked for each in arms)


def _versions_are_those_of_their_arms(visits: list[Visit], split: Any) -> bool:
    versions = {None: "recommender/1", 2: "recommender/2"}
    return all(visit.model_version == versions[split.arm_of(visit.user_id).version] for visit in visits)
