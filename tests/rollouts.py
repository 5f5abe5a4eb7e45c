"""A rollout on a small registry: counts that the test says, a clock that it turns, and crashes where it wants them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np

from tacit.adapters.memory import MemoryMetricSink
from tacit.adapters.memory_rollouts import MemoryRolloutStore
from tacit.adapters.memory_traffic import MemoryTrafficStore
from tacit.adapters.sql.engine import Database
from tacit.adapters.sql.rollouts import SqlRolloutStore
from tacit.adapters.sql.traffic import SqlTrafficStore
from tacit.rollout.arm_traffic import NO_LATENCIES, ArmCounts, Buckets, ShadowCounts, bucket_of
from tacit.rollout.evidence import Limits
from tacit.rollout.keeper import RolloutKeeper
from tacit.rollout.moving import Mover, Standing
from tacit.rollout.observing import Observer
from tacit.rollout.outcomes import Outcomes, UserOutcomes
from tacit.rollout.rollout_desk import Opening, RolloutDesk
from tacit.rollout.rollouts import Course, Rollout
from tacit.rollout.traffic import TrafficPlan
from tacit.security.audit import AuditRecorder
from tests.registries import NOON, Bench, bench_over, memory_bench

NOON_MS = int(datetime.fromisoformat(NOON).timestamp() * 1_000)
MODEL = "recommender"
COURSE = Course((5.0, 25.0, 100.0), bake_seconds=60, watch_seconds=180, limits=Limits())


def took(seconds: float, requests: int) -> Buckets:
    """The latencies of requests that all took equally long."""
    buckets = list(NO_LATENCIES)
    buckets[bucket_of(seconds)] = requests
    return tuple(buckets)


def arm(requests: int, *, errors: int = 0, degraded: int = 0, seconds: float = 0.02) -> ArmCounts:
    return ArmCounts(requests, errors, degraded, took(seconds, requests))


@dataclass
class SaidCounts:
    """What requests and lists came to, as the test says: an `ArmTrafficStore` and an `OutcomeStore`."""

    arms: dict[str, Mapping[str, ArmCounts]] = field(default_factory=dict)
    secret: ShadowCounts = field(default_factory=ShadowCounts)
    lists: dict[str, Outcomes] = field(default_factory=dict)
    users: dict[str, UserOutcomes] = field(default_factory=dict)
    meanwhile: list[Callable[[], object]] = field(default_factory=list)
    """What others do while somebody looks at counts."""

    def add(self, split_id: str, stage: str, counts: Mapping[str, ArmCounts]) -> None:
        self.arms[stage] = counts

    def counts(self, split_id: str, stage: str) -> Mapping[str, ArmCounts]:
        while self.meanwhile:
            self.meanwhile.pop()()
        return self.arms.get(stage, {})

    def add_shadow(self, split_id: str, counts: ShadowCounts) -> None:
        self.secret = counts

    def shadow(self, split_id: str) -> ShadowCounts:
        return self.secret

    def by_arm(self, split_id: str, *, since_ms: int, until_ms: int | None = None) -> Mapping[str, Outcomes]:
        return self.lists

    def by_source(self, *, since_ms: int, until_ms: int | None = None) -> Mapping[str, Outcomes]:
        return {}

    def by_user(self, split_id: str, *, since_ms: int, until_ms: int | None = None) -> Mapping[str, UserOutcomes]:
        return self.users

    def say_good(self) -> None:
        """Everything the stages need, whichever it is: the two arms alike, in the proportions of the step."""
        self.secret = ShadowCounts(1_000, 1_000, 0, 0, 600.0, 10.0, took(0.02, 1_000), took(0.02, 1_000))
        for percent in (5, 25, 100):
            theirs = {"champion": arm(20 * (100 - percent))} if percent < 100 else {}
            self.arms[f"canary-{percent}"] = {"canary": arm(20 * percent), **theirs}
        self.arms["canary-5"] = {"canary": arm(400), "champion": arm(7_600)}
        self.arms["watch"] = {"champion": arm(2_000)}

    def say_lists(self, percent: float) -> None:
        """Lists and users of a step, the two arms alike."""
        many = 4_000
        ours, theirs = round(many * percent / 100), round(many * (100 - percent) / 100)
        self.lists = {
            "canary": Outcomes(ours, ours // 5, ours // 5, 0.0, ours // 2),
            "champion": Outcomes(theirs or many, (theirs or many) // 5, many // 5, 0.0, theirs // 2),
        }


class Crash(BaseException):
    """The process ends here."""


@dataclass
class CrashPoint:
    """Where the process ends: at the so-manieth boundary between one act and the next."""

    at: int | None = None
    passed: int = 0

    def reach(self) -> None:
        self.passed += 1
        if self.at is not None and self.passed == self.at:
            raise Crash


class Crashing:
    """A store whose every write may be the last thing that a process does, just before it or just after."""

    def __init__(self, inner: object, point: CrashPoint, *writes: str) -> None:
        self._inner, self._point, self._writes = inner, point, writes

    def __getattr__(self, name: str) -> object:
        found = getattr(self._inner, name)
        if name not in self._writes:
            return found

        def write(*given: object, **named: object) -> object:
            self._point.reach()
            answer = found(*given, **named)
            self._point.reach()
            return answer

        return write


@dataclass
class Journey:
    """A registry with a champion and what a rollout stands on; `restart` is another process on the same stores."""

    bench: Bench
    said: SaidCounts
    database: Database | None = None
    course: Course = COURSE
    advance: str = "automatic"
    point: CrashPoint = field(default_factory=CrashPoint)
    metrics: MemoryMetricSink = field(default_factory=MemoryMetricSink)
    now_ms: int = NOON_MS
    patience_ms: int = 0

    def __post_init__(self) -> None:
        is_kept = self.database is not None
        self.store = SqlRolloutStore(self.database) if self.database is not None else MemoryRolloutStore()
        self.traffic = SqlTrafficStore(self.database) if self.database is not None else MemoryTrafficStore()
        self.is_kept = is_kept
        self.restart()

    def restart(self) -> None:
        transaction: Callable[[], AbstractContextManager[object]] = (
            nullcontext if self.database is None else self.database.transaction
        )
        self.standing = Standing(
            store=Crashing(self.store, self.point, "open", "move"),  # type: ignore[arg-type]
            traffic=Crashing(self.traffic, self.point, "set_split", "set_shadow"),  # type: ignore[arg-type]
            versions=self.bench.versions,
            release=self.bench.release,
            audit=AuditRecorder(Crashing(self.bench.audit, self.point, "append")),  # type: ignore[arg-type]
            clock=lambda: NOON,
            clock_ms=lambda: self.now_ms,
            transaction=transaction,
        )
        observer = Observer(self.said, self.said, settling_ms=0, rest=0)
        self.desk = RolloutDesk(
            self.standing,
            Mover(self.standing),
            observer,
            registry=self.bench.registry,
            name=MODEL,
            course=self.course,
            advance="automatic" if self.advance == "automatic" else "manual",
            return_days=7,
        )
        self.keeper = RolloutKeeper(
            self.standing.store,
            Mover(self.standing, self.metrics),
            observer,
            name=MODEL,
            clock_ms=lambda: self.now_ms,
            metrics=self.metrics,
            patience_ms=self.patience_ms,
        )

    def start(self, number: int, **asked: object) -> Rollout:
        return self.desk.start(Opening(number, "ann", "better", **asked))  # type: ignore[arg-type]

    def tick(self, seconds: float = 60) -> Rollout:
        """Let time pass, and the keeper look."""
        self.now_ms += round(seconds * 1_000)
        found = self.keeper.tick()
        assert found is not None
        return found

    def tick_well(self, seconds: float = 60) -> Rollout:
        """The same while everything is as it should be."""
        under_way = self.desk.under_way()
        self.said.say_good()
        self.said.say_lists(100 * under_way.share if under_way is not None and under_way.share else 5)
        return self.tick(seconds)

    def plan(self) -> TrafficPlan:
        return self.traffic.plan(MODEL)

    def champion(self) -> int | None:
        return self.bench.champion()


@contextmanager
def journey(home: Path, *, database: Database | None = None, versions: int = 3, **choices: object) -> Iterator[Journey]:
    """A journey whose champion is the version before the last; the last is the candidate."""
    bench = memory_bench(home) if database is None else bench_over(home, database)
    bench.register_and_promote(versions - 1)
    bench.register()
    yield Journey(bench, SaidCounts(), database, **choices)  # type: ignore[arg-type]


def users(lists: list[int], clicked: list[int]) -> UserOutcomes:
    return UserOutcomes(
        tuple(f"u{place:03}" for place in range(len(lists))),
        np.array(lists, dtype=np.int64),
        np.array(clicked, dtype=np.int64),
        np.zeros(len(lists)),
    )
