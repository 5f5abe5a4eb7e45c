"""A month in the life of a model, on a clock that a script turns: weekly training on what was known then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from tacit.bootstrap import MODEL, App, build, load_settings
from tacit.data.datasets import Snapshot
from tacit.data.imports import TableSpec
from tacit.data.interfaces import Progress, silent
from tacit.errors import Refused
from tacit.models.interfaces import Fitted
from tacit.models.recommender.model import RecommenderModel
from tacit.models.recommender.workload import RecommenderWorkload
from tacit.registry.ledger import champions

DATASET = "courses"
SPEC = TableSpec(
    user="0", item="1", time="2", time_format="seconds", delimiter="\t", header=False, quoted=False, merge="sum"
)
STEP = timedelta(hours=6)

Row = tuple[int, str, str]
"""Unix seconds, user, item."""


@dataclass
class Clock:
    """A clock that moves when it is told to."""

    at: datetime

    def __call__(self) -> str:
        return self.at.isoformat(timespec="milliseconds")


@dataclass(frozen=True)
class Town:
    """Where a month is played.

    Attributes:
        rows: What happened when, ascending.
        starts: When the month begins.
        pilot: How many users the platform is tried with first.
        bestsellers: How many items the narrow candidate learns of.
        better: Makes the usual recipe into one that foretells better.
        flags: Settings.
    """

    rows: Sequence[Row]
    starts: datetime
    pilot: int
    bestsellers: int
    better: Callable[[RecommenderWorkload], RecommenderWorkload]
    flags: Mapping[str, object]


class Shuffled(RecommenderWorkload):
    """Learns well, and names its items wrongly."""

    def fit(self, data: Snapshot, *, progress: Progress = silent) -> Fitted[RecommenderModel]:
        fitted = super().fit(data, progress=progress)
        known = len(fitted.model.item_factors)
        order = np.random.default_rng(3).permutation(known)
        items = (*(fitted.model.items[place] for place in order), *fitted.model.items[known:])
        return replace(fitted, model=replace(fitted.model, items=items))


@dataclass(frozen=True)
class Narrow(RecommenderWorkload):
    """Learns quickly, since it learns of best-sellers alone."""

    bestsellers: int = 1

    def fit(self, data: Snapshot, *, progress: Progress = silent) -> Fitted[RecommenderModel]:
        return super().fit(replace(data, n_items=self.bestsellers), progress=progress)


@dataclass(frozen=True)
class Told:
    """One candidate's story.

    Attributes:
        what: What kind it was.
        at: When it was judged.
        gate: Its signed gate record.
        watermark_ms: Up to when it knows what happened.
        champion: Who was champion afterwards.
    """

    what: str
    at: str
    number: int
    gate: Mapping[str, Any]
    watermark_ms: int
    champion: int | None

    def outcome_of(self, gate: str) -> str:
        return next((each["outcome"] for each in self.gate["findings"] if each["gate"] == gate), "absent")

    def line(self) -> str:
        standing = [each for each in self.gate["findings"] if each["outcome"] != "pass"]
        said = [f"{'':11}{each['gate']} {each['outcome']}: {each['reason']}" for each in standing]
        champion = f"champion {self.champion}" if self.champion else "no champion"
        head = (
            f"{self.at[:10]}  {self.number} {self.what:10} {self.gate['policy']:8} {self.gate['verdict']:12} {champion}"
        )
        return "\n".join([head, *(said or [f"{'':11}{self.gate['reasons'][1]}"])])


@dataclass
class Month:
    """What happened, and what was seen of it at every step of the clock."""

    app: App
    town: Town
    clock: Clock
    folder: Path
    told: dict[str, Told] = field(default_factory=dict)
    seen: list[tuple[str, int | None]] = field(default_factory=list)
    known_until: float = float("-inf")

    def bring(self, rows: Sequence[Row]) -> None:
        """Import some rows."""
        path = self.folder / f"{self.clock().replace(':', '')}-{len(rows)}.tsv"
        path.write_text("".join(f"{user}\t{item}\t{at}\n" for at, user, item in rows))
        self.app.import_data("table", path, actor="script", spec=SPEC, dataset=DATASET)

    def bring_until_now(self) -> None:
        """Import what happened since the last time."""
        now = self.clock.at.timestamp()
        self.bring([row for row in self.town.rows if self.known_until <= row[0] < now])
        self.known_until = now

    def pilot(self) -> set[str]:
        """Those who did most, since they share something to learn from."""
        active = Counter(user for _, user, _ in self.town.rows)
        return {user for user, _ in active.most_common(self.town.pilot)}

    def try_one(self, what: str, workload: RecommenderWorkload | None = None) -> None:
        """Train a candidate, and promote it if the release lets us."""
        app = self.app if workload is None else replace(self.app, workload=workload)
        number = app.train(DATASET, actor="script").version.number
        with suppress(Refused):
            self.app.promote(number, actor="script", reason=what)
        manifest, champion = self.app.registry.verify(MODEL, number), self.app.registry.champion(MODEL)
        until = manifest.lineage["watermark_ms"]
        assert isinstance(until, int)
        self.told[what] = Told(
            what, manifest.created_at, number, manifest.gate, until, None if champion is None else champion.number
        )

    def run(self) -> None:
        """Turn the clock through the month, do what is due, and look who is champion after every step."""
        script = dict(self._script())
        for step in range(int(timedelta(days=32) / STEP)):
            due = script.pop(step * STEP, None)
            if due is not None:
                due()
            champion = self.app.registry.champion(MODEL)
            self.seen.append((self.clock(), None if champion is None else champion.number))
            self.clock.at += STEP
        assert not script

    def champion_then(self, moment: str) -> int | None:
        """Who was champion at a moment, as the ledger alone tells it."""
        moves = [each for each in self.app.versions.promotions(MODEL) if each.at <= moment]
        stack = champions(moves)
        return stack[-1] if stack else None

    def _script(self) -> list[tuple[timedelta, Callable[[], None]]]:
        better = self.town.better(self.app.workload)
        reseeded = replace(better, settings=replace(better.settings, seed=better.settings.seed + 1))
        parts = {"settings": better.settings, "rules": better.rules, "engine": better.engine}
        day = timedelta(days=1)
        return [
            (1 * day, self._try_pilot),
            (2 * day, self._open),
            (9 * day, lambda: self._weekly("narrow", Narrow(**parts, bestsellers=self.town.bestsellers))),
            (16 * day, lambda: self._weekly("better", better)),
            (23 * day, lambda: self._weekly("equal", reseeded)),
            (23 * day + STEP, lambda: self.try_one("copy", better)),
            (30 * day, lambda: self._weekly("worse", Shuffled(**parts))),
            (30 * day + STEP, self._complain),
            (31 * day, self._promote_again),
        ]

    def _try_pilot(self) -> None:
        chosen, now = self.pilot(), self.clock.at.timestamp()
        self.bring([row for row in self.town.rows if row[1] in chosen and row[0] < now])
        self.try_one("too little")

    def _open(self) -> None:
        chosen, tried = self.pilot(), (self.clock.at - timedelta(days=1)).timestamp()
        now = self.clock.at.timestamp()
        self.bring([row for row in self.town.rows if row[0] < now and not (row[1] in chosen and row[0] < tried)])
        self.known_until = now
        self.try_one("first")

    def _weekly(self, what: str, workload: RecommenderWorkload) -> None:
        self.bring_until_now()
        self.try_one(what, workload)

    def _complain(self) -> None:
        self.app.rollback(actor="script", reason="somebody complained")

    def _promote_again(self) -> None:
        self.app.promote(self.told["equal"].number, actor="script", reason="the complaint was about something else")


def play(town: Town, folder: Path, *, then: Callable[[Month], None]) -> None:
    """Play a month in a town, and look at it before it is closed."""
    clock = Clock(town.starts)
    flags = {"home": folder / "home", **town.flags}
    with build(load_settings(flags=flags, environ={}), clock=clock) as app:
        month = Month(app, town, clock, folder)
        month.run()
        then(month)


def at(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)
