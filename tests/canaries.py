"""Versions on their way to users under load: a home with a candidate, people who look and click, and the tables."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import chain, pairwise
from math import sqrt
from pathlib import Path
from typing import Any, Literal

import httpx2

from tacit.bootstrap import App, build, load_settings
from tacit.data.datasets import SnapshotRules, freeze
from tacit.data.interactions import Interactions
from tacit.models.recommender.als import AlsSettings
from tacit.models.recommender.model import RecommenderModel
from tacit.models.recommender.workload import RecommenderWorkload
from tacit.rollout.rollouts import Rollout, RolloutStep
from tacit.rollout.traffic import Arm, Split
from tests.clicking_users import ClickingUsers, Tastes, Visit
from tests.communities import interactions, rows_of, titled, two_tastes
from tests.shells import Ran, within
from tests.stages import wait_until

USERS, ITEMS = 800, 240
CHAMPION, CANDIDATE = "recommender/1", "recommender/2"

Kind = Literal["good", "chance"]


@cache
def tastes() -> Tastes:
    """Even users like the first half of the items, odd ones the second; keen enough for clicks to tell much."""
    items = [f"i{number:03}" for number in range(ITEMS)]
    halves = (frozenset(items[: ITEMS // 2]), frozenset(items[ITEMS // 2 :]))
    return Tastes({f"u{number:03}": halves[number % 2] for number in range(USERS)}, keen=0.1, stray=0.02)


@cache
def learnt(kind: Kind | None = None) -> RecommenderModel:
    """The champion, one as good that learnt otherwise, or one whose items were shuffled before it learnt."""
    found = two_tastes(users=USERS, items=ITEMS)
    if kind == "chance":
        found = shuffled(found)
    workload = RecommenderWorkload(AlsSettings(factors=4, iterations=6, seed=1 if kind is None else 2))
    return workload.fit(freeze(found, titled(found), SnapshotRules())).model


def shuffled(found: Interactions) -> Interactions:
    """The same users and items, and who met what is chance."""
    rows = rows_of(found)
    items = [row[1] for row in rows]
    random.Random(1).shuffle(items)
    # A user who got an item twice keeps one of them.
    return interactions(
        list({(row[0], item): (row[0], item, row[2]) for row, item in zip(rows, items, strict=True)}.values())
    )


@contextmanager
def opened(home: Path) -> Iterator[App]:
    with build(load_settings(flags={"home": home}, environ={})) as app:
        yield app


def home_with_candidate(home: Path, kind: Kind = "good", *, verdict: str = "pass") -> Path:
    """A home with a champion, version 1, and a candidate, version 2, of which the gate said so."""
    with opened(home) as app:
        for model, said in ((learnt(), "pass"), (learnt(kind), verdict)):
            _register(app, model, said)
        app.promote(1, actor="ann")
    return home


def _register(app: App, model: RecommenderModel, verdict: str) -> None:
    app.registry.register(
        lambda folder: app.workload.save(model, folder),
        name="recommender",
        workload="recommender",
        dataset="made-up",
        snapshot="5eed" * 8,
        code="c0de" * 8,
        hyperparameters={},
        metrics={"ndcg@10": 0.2},
        gate={"verdict": verdict, "reasons": []},
        lineage={},
        actor="ann",
    )


def sets(**settings: object) -> list[str]:
    """Settings of rollouts as a command is told them."""
    return list(chain.from_iterable(("--set", f"rollout.{name}={value}") for name, value in settings.items()))


def ask(home: Path, *arguments: str) -> Ran:
    """A command on rollouts, in this process."""
    return within("rollout", *arguments, "--json", home=home)


def begin(home: Path, *arguments: str, **settings: object) -> int:
    """Begin to bring the candidate to users; the number of the rollout."""
    ran = ask(home, "start", "2", "--reason", "a trial", *arguments, *sets(**settings))
    assert ran.code == 0, ran.out + ran.err
    return int(ran.answer["rollout_id"])


@dataclass
class Crowd:
    """People who look at lists and click without end, from several threads, and everything that befell them.

    Attributes:
        failures: Requests that did not end as they should: any but 200 and 202, and connections that broke.
        refused: Connections that broke while a server was known to be down.
    """

    people: list[list[ClickingUsers]]
    failures: list[str] = field(default_factory=list)
    refused: int = 0
    addresses: list[str] = field(default_factory=list)
    is_down: bool = False
    over: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)

    @property
    def visits(self) -> list[Visit]:
        """All so far, in the order of time."""
        return sorted(chain.from_iterable(map(self.of_server, range(len(self.people)))), key=lambda each: each.at_ms)

    def of_server(self, server: int) -> list[Visit]:
        """Those that one server answered."""
        return list(chain.from_iterable(list(each.visits) for each in self.people[server]))

    def met(self, version: str = CANDIDATE) -> set[str]:
        """Users who were given a version's list."""
        return {visit.user_id for visit in self.visits if visit.model_version == version}

    @property
    def last_ms(self) -> int:
        """When the latest list came; 0 before any did."""
        return max((each.visits[-1].at_ms for each in chain.from_iterable(self.people) if each.visits), default=0)

    def go(self) -> None:
        """Have nobody look any more; returns once all have their answers."""
        self.over.set()
        for thread in self.threads:
            thread.join()

    def look(self, server: int, people: ClickingUsers, pause: float) -> None:
        """Look until it is over, at the server that has this place; the first of them takes the events."""
        users, draw = people.user_ids, random.Random(people.seed)
        while not self.over.is_set():
            addresses = (self.addresses[server], self.addresses[0])
            with httpx2.Client(base_url=addresses[0]) as client, httpx2.Client(base_url=addresses[1]) as teller:
                while not self.over.is_set() and addresses[0] == self.addresses[server]:
                    try:
                        people.visit(client, draw.choice(users), teller=teller)
                    except Exception as problem:
                        self._note(problem, has_moved=addresses[0] != self.addresses[server])
                    time.sleep(pause)

    def _note(self, problem: Exception, *, has_moved: bool) -> None:
        """Whoever kills a server says so before, and where there is another one after."""
        if isinstance(problem, httpx2.TransportError) and (self.is_down or has_moved):
            self.refused += 1
            time.sleep(0.02)
        else:
            self.failures.append(repr(problem))


@contextmanager
def crowd(*addresses: str, each: int = 2, pause: float = 0.004) -> Iterator[Crowd]:
    """So many threads of people at each server, for as long as it is needed."""
    people = [
        [ClickingUsers(tastes(), seed=1 + server * each + place) for place in range(each)]
        for server in range(len(addresses))
    ]
    made = Crowd(people, addresses=list(addresses))
    made.threads += [
        threading.Thread(target=made.look, args=(server, each_of, pause))
        for server, there in enumerate(people)
        for each_of in there
    ]
    for thread in made.threads:
        thread.start()
    try:
        yield made
    finally:
        made.go()


def now_at(app: App, number: int = 1) -> Rollout:
    """A rollout as it is."""
    found = app.rollouts.standing.store.rollout(number)
    assert found is not None
    return found


def wait_for(app: App, *stages: str, seconds: float = 60.0) -> Rollout:
    """Wait until the rollout is in one of some stages or states; in any that it ends in, it waits no longer."""

    def is_there() -> bool:
        # Who looks without a pause takes the machine from those who are looked at.
        time.sleep(0.05)
        rollout = now_at(app)
        return bool({rollout.state, rollout.stage} & {*stages}) or rollout.is_over

    wait_until(is_there, seconds=seconds)
    return now_at(app)


@dataclass(frozen=True)
class Aborted:
    """How a bad candidate fared.

    Attributes:
        name: What was wrong with it.
        known: Its requests that were known when it was aborted.
        requests: Its requests altogether.
        seconds: How long users met it, from the first step to the abort.
        lag: How long after the abort the last of its lists came.
        met: Users who met it, whether it answered them or failed.
        failed: Requests of anybody that failed.
        reasons: Why it was aborted.
    """

    name: str
    known: int
    requests: int
    seconds: float
    lag: float
    met: int
    failed: int
    reasons: tuple[str, ...]

    @property
    def share(self) -> float:
        """Of all users."""
        return self.met / USERS


def aborted(name: str, app: App, people: Crowd) -> Aborted:
    """What is to be told of a candidate that was aborted, once nobody asks any more and all is counted."""
    history = app.rollouts.standing.store.history(1)
    first, last = (next(step for step in history if step.state == state) for state in ("canary", "aborted"))
    split = splits(5)[first.stage]
    while_tried = [visit for visit in people.visits if visit.at_ms >= first.at_ms]
    shown = [visit for visit in while_tried if visit.model_version == CANDIDATE]
    failed = [visit for visit in while_tried if visit.is_degraded and split.arm_of(visit.user_id).version]
    counts = app.arm_traffic.counts("rollout-1", first.stage)
    return Aborted(
        name,
        known=round(numbers_of(last)["requests"]["measured"]),
        requests=counts["canary"].requests,
        seconds=(last.at_ms - first.at_ms) / 1_000,
        lag=max(0, max(visit.at_ms for visit in shown) - last.at_ms) / 1_000,
        met=len({visit.user_id for visit in (*shown, *failed)}),
        failed=len(people.failures),
        reasons=last.reasons,
    )


def numbers_of(step: RolloutStep) -> Mapping[str, Mapping[str, float]]:
    """What the verdict measured that a step rests on, by check."""
    found: Sequence[Mapping[str, Any]] = step.findings["findings"]  # type: ignore[assignment]
    return {each["gate"]: each["numbers"] for each in found}


def most_who_meet(share: float) -> float:
    """The share of all users that a hashed one of them hardly ever exceeds (three standard deviations)."""
    return share + 3 * sqrt(share * (1 - share) / USERS)


def tell(*rows: Aborted) -> None:
    """Print the table."""
    print(
        f"\n{'candidate':<16}{'requests':>9}{'known':>7}{'seconds':>9}{'lag s':>7}{'met':>6}{'share':>8}{'failed':>8}"
    )
    for row in rows:
        print(
            f"{row.name:<16}{row.requests:>9}{row.known:>7}{row.seconds:>9.1f}{row.lag:>7.2f}"
            f"{row.met:>6}{row.share:>8.2%}{row.failed:>8}  {' '.join(row.reasons)}"
        )


def true_ctr(visits: Sequence[Visit]) -> dict[str, float]:
    """The chance that a list of each version is clicked, over those that were shown."""
    chances: dict[str, list[float]] = {}
    for visit in visits:
        chances.setdefault(visit.model_version, []).append(tastes().chance(visit.user_id, visit.item_ids))
    return {version: sum(each) / len(each) for version, each in chances.items()}


def last_unlike_the_step(visits: Sequence[Visit], steps: Sequence[RolloutStep], split_of: Mapping[str, Split]) -> float:
    """For how many seconds after a step a server still answered as before it, at most.

    Args:
        visits: What one server answered.
        steps: Of the rollout, oldest first.
        split_of: How users are divided in a stage.
    """
    lags = [0.0]
    for step, following in pairwise(steps):
        split = split_of[step.stage]
        for visit in visits:
            is_of_stage = step.at_ms <= visit.at_ms < following.at_ms
            if is_of_stage and visit.model_version != f"recommender/{split.arm_of(visit.user_id).version or 1}":
                lags.append((visit.at_ms - step.at_ms) / 1_000)
    return max(lags)


def splits(*percent: float) -> dict[str, Split]:
    """How users are divided in the stages of rollout 1."""
    shares = {f"canary-{each:g}": each / 100 for each in percent}
    return {
        stage: Split("rollout-1", stage, (Arm("canary", share, 2), Arm("champion", 1 - share)))
        for stage, share in shares.items()
    } | {"shadow": Split("rollout-1", "shadow", (Arm("champion", 1.0),)), "watch": WATCHED}


WATCHED = Split("rollout-1", "watch", (Arm("champion", 1.0, 2),))
"""Everybody meets the version, which is the champion."""
