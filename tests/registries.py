"""A small registry on real files, for the suites that need one: made-up versions, a clock that stands still."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tacit.adapters.artifacts import FolderArtifacts
from tacit.adapters.memory import MemoryAuditTrail, MemoryVersionStore
from tacit.adapters.signing import Ed25519Signer, Ed25519Verifier
from tacit.adapters.sql.audit import SqlAuditTrail
from tacit.adapters.sql.engine import Database, open_database
from tacit.adapters.sql.registry import SqlVersionStore
from tacit.registry.exchange import Exchange
from tacit.registry.registry import Registry
from tacit.registry.retention import Retention
from tacit.registry.versions import Version
from tacit.rollout.release import Release
from tacit.security.audit import AuditRecorder

NOON = "2026-01-02T12:00:00Z"


@dataclass(frozen=True)
class SmokeQuestion:
    """Asks a version something, as promotion and rollback do.

    Attributes:
        asked: The versions asked so far.
        silent: The versions that do not answer.
        meanwhile: What others do while a version is being asked.
    """

    asked: list[int] = field(default_factory=list)
    silent: set[int] = field(default_factory=set)
    meanwhile: list[Callable[[], None]] = field(default_factory=list)

    def __call__(self, version: Version) -> None:
        self.asked.append(version.number)
        while self.meanwhile:
            self.meanwhile.pop()()
        if version.number in self.silent:
            raise RuntimeError("no answer")


@dataclass(frozen=True)
class Bench:
    """A registry and a release side by side, with all they stand on."""

    home: Path
    versions: MemoryVersionStore | SqlVersionStore
    audit: MemoryAuditTrail | SqlAuditTrail
    registry: Registry
    release: Release
    smoke: SmokeQuestion
    retention: Retention
    exchange: Exchange

    def register(
        self,
        verdict: str = "pass",
        *,
        name: str = "recommender",
        reasons: tuple[str, ...] = (),
        metrics: Mapping[str, float] | None = None,
        write: Callable[[Path], None] | None = None,
    ) -> Version:
        return self.registry.register(
            write or write_model,
            name=name,
            workload="recommender",
            dataset="lastfm",
            snapshot="5eed" * 8,
            code="c0de" * 8,
            hyperparameters={"factors": 2, "alpha": 40.0},
            metrics={"ndcg@10": 0.25} if metrics is None else metrics,
            gate={"verdict": verdict, "reasons": list(reasons)},
            lineage={"imports": ["2026-01-01"], "split": {"share": 0.8}},
            actor="ann",
        )

    def register_and_promote(self, times: int) -> None:
        for _ in range(times):
            number = self.register().number
            self.release.promote("recommender", number, actor="ann")

    def champion(self) -> int | None:
        champion = self.registry.champion("recommender")
        return None if champion is None else champion.number


def write_model(folder: Path) -> None:
    """The files of a very small recommender."""
    np.save(folder / "user_factors.npy", np.arange(6, dtype=np.float32).reshape(3, 2))
    np.save(folder / "item_factors.npy", np.arange(8, dtype=np.float32).reshape(4, 2))
    (folder / "model_card.md").write_text("# A very small recommender\n")


def memory_bench(home: Path) -> Bench:
    return _bench(home, MemoryVersionStore(), MemoryAuditTrail(), database=None)


@contextmanager
def sql_bench(home: Path) -> Iterator[Bench]:
    database = open_database(f"sqlite:///{home}/tacit.db")
    try:
        yield bench_over(home, database)
    finally:
        database.close()


def bench_over(home: Path, database: Database) -> Bench:
    versions = SqlVersionStore(database, FolderArtifacts(home / "versions").folder)
    return _bench(home, versions, SqlAuditTrail(database), database=database)


def _bench(
    home: Path,
    versions: MemoryVersionStore | SqlVersionStore,
    audit: MemoryAuditTrail | SqlAuditTrail,
    *,
    database: Database | None,
) -> Bench:
    keys = home / "keys"
    unit = {} if database is None else {"transaction": database.transaction}
    artifacts = FolderArtifacts(home / "versions")
    signer, verifier = Ed25519Signer(keys), Ed25519Verifier(keys)
    told = {"audit": AuditRecorder(audit), "clock": lambda: NOON, **unit}
    registry = Registry(versions, artifacts, signer=signer, verifier=verifier, **told)
    smoke = SmokeQuestion()
    release = Release(registry, versions, audit=audit, clock=lambda: NOON, check=smoke, **unit)
    retention = Retention(versions, artifacts, **told)
    exchange = Exchange(registry, versions, signer=signer, verifier=verifier, **told)
    return Bench(home, versions, audit, registry, release, smoke, retention, exchange)
