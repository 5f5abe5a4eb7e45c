"""Versions as the console shows them: in a list, one by one, and the moves of the champion among them (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tacit.entrypoints.console.checks_view import CheckRow, Record, gate_checks, record
from tacit.entrypoints.console.spelling import at_ms, interval, number, score, share, spelled, value_text, words
from tacit.entrypoints.console.wording import duration, moment, size, whole
from tacit.registry.versions import Manifest

VERDICTS = {"pass": "Passed", "fail": "Failed", "insufficient": "Too little to tell"}
"""What a verdict is called on a page."""

_METRICS = {
    "ndcg": "nDCG",
    "map": "MAP",
    "precision": "Precision",
    "recall": "Recall",
    "coverage": "Coverage",
    "popularity": "Popularity",
    "gini": "Unevenness (Gini)",
    "novelty": "Novelty",
}
_ORDER = tuple(_METRICS)
_UNTOLD = frozenset({"holdout", "dataset"})
"""Facts of the data that are told elsewhere."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric of a version.

    Attributes:
        name: As the records have it (`ndcg@10`).
        title: As a reader has it (`nDCG at 10`).
        value: The version's.
        low: Where its 95 % interval begins; `None` where none was computed.
        high: Where it ends.
        champion: The champion's on the same hold-out, where it was measured.
        baselines: Those of what any version must beat, by name.
        is_decisive: Whether the gate judged by it.
    """

    name: str
    title: str
    value: float | None
    low: float | None = None
    high: float | None = None
    champion: float | None = None
    baselines: Mapping[str, float | None] | None = None
    is_decisive: bool = False

    @property
    def text(self) -> str:
        return spelled(self.value, score)

    @property
    def interval(self) -> str:
        return interval(self.low, self.high)


@dataclass(frozen=True)
class VersionRow:
    """A version in the list.

    Attributes:
        number: Its number.
        roles: What it is to users now.
        verdict: What the gate said.
        created_ms: When it was made.
        is_pruned: Whether only its metadata are kept.
        pinned_because: Why it is to stay deployable, if somebody said so.
        dataset: What it learnt from; empty where its manifest cannot be used.
        snapshot: The fingerprint of that.
        measure: The metric it was judged by.
        size_bytes: What its files take, by its manifest.
        problem: Why its manifest cannot be used.
    """

    number: int
    roles: tuple[str, ...]
    verdict: str
    created_ms: float | None
    is_pruned: bool
    pinned_because: str | None
    dataset: str = ""
    snapshot: str = ""
    measure: Measure | None = None
    size_bytes: int | None = None
    problem: str | None = None

    @property
    def verdict_text(self) -> str:
        return VERDICTS.get(self.verdict, self.verdict)


@dataclass(frozen=True)
class Fact:
    """Something that is so of a version: what it is called, what it is, and whether it is a digest."""

    name: str
    value: str
    is_code: bool = False


@dataclass(frozen=True)
class Segment:
    """A part of the users, and how well they are served."""

    name: str
    cases: str
    value: str


@dataclass(frozen=True)
class VersionSheet:
    """All that was signed of a version, as its page shows it.

    Attributes:
        checks: What each gate said.
        asked: Which question it was asked, and why that one.
        against: Whom it was compared with.
        measures: Its metrics, the decisive one first.
        baselines: Names of what any version must beat.
        segments: How the parts of the users fare, by the decisive metric.
        origin: What it learnt from.
        settings: What it was trained with.
        cost: What answering with it takes.
        files: Name, size and digest of each.
        size_bytes: Of all of them.
    """

    checks: tuple[CheckRow, ...]
    asked: str
    against: str
    measures: tuple[Measure, ...]
    baselines: tuple[str, ...]
    segments: tuple[Segment, ...]
    origin: tuple[Fact, ...]
    settings: tuple[Fact, ...]
    cost: tuple[Fact, ...]
    files: tuple[tuple[str, int, str], ...]
    size_bytes: int

    @property
    def baseline_columns(self) -> list[tuple[str, str]]:
        """Their names as heads of columns of figures."""
        return [(words(name), "num") for name in self.baselines]

    @property
    def decisive(self) -> Measure | None:
        """The metric it was judged by."""
        return next((each for each in self.measures if each.is_decisive), None)


def version_row(row: Record, manifest: Manifest | None, *, problem: str | None = None) -> VersionRow:
    """A version in the list.

    Args:
        row: As `VersionDesk.overview` has it.
        manifest: Its manifest; `None` where it cannot be used.
        problem: Why not.
    """
    roles, pinned = row.get("aliases"), row.get("pinned_because")
    told = VersionRow(
        number=int(str(row["number"])),
        roles=tuple(str(each) for each in roles) if isinstance(roles, list) else (),
        verdict=str(row["verdict"]),
        created_ms=at_ms(row["created_at"]),
        is_pruned=row.get("pruned_at") is not None,
        pinned_because=None if pinned is None else str(pinned),
        problem=problem,
    )
    return told if manifest is None else _with_manifest(told, manifest)


def _with_manifest(row: VersionRow, manifest: Manifest) -> VersionRow:
    decisive = next((each for each in measures_of(manifest) if each.is_decisive), None)
    size_bytes = sum(each.size for each in manifest.files)
    return VersionRow(
        row.number, row.roles, row.verdict, row.created_ms, row.is_pruned, row.pinned_because,
        manifest.dataset, manifest.snapshot, decisive, size_bytes,
    )  # fmt: skip


def version_sheet(manifest: Manifest) -> VersionSheet:
    """One version, from its manifest alone."""
    gate = manifest.gate
    return VersionSheet(
        checks=gate_checks(gate),
        asked=f"{words(str(gate['policy']))}. {gate.get('policy_reason', '')}".strip() if gate.get("policy") else "",
        against=str(gate.get("champion") or ""),
        measures=measures_of(manifest),
        baselines=tuple(sorted(record(gate.get("baselines")))),
        segments=_segments(gate),
        origin=tuple(_origin(manifest)),
        settings=tuple(Fact(name, value_text(each)) for name, each in sorted(manifest.hyperparameters.items())),
        cost=tuple(_cost(gate)),
        files=tuple((each.name, each.size, each.sha256) for each in manifest.files),
        size_bytes=sum(each.size for each in manifest.files),
    )


def measures_of(manifest: Manifest) -> tuple[Measure, ...]:
    """A version's metrics, the one it was judged by first; with intervals where its gate record has them."""
    gate = manifest.gate
    scored = record(gate.get("evaluation"))
    values = record(scored.get("metrics")) or manifest.metrics
    decisive = str(gate.get("metric") or next(iter(values), ""))
    found = (_measure(name, values[name], gate, is_decisive=name == decisive) for name in values)
    return tuple(sorted(found, key=lambda each: (not each.is_decisive, _place(each.name))))


def _measure(name: str, value: object, gate: Record, *, is_decisive: bool) -> Measure:
    ends = record(record(gate.get("evaluation")).get("intervals")).get(name)
    low, high = ends if isinstance(ends, list | tuple) and len(ends) == 2 else (None, None)
    baselines = {each: number(record(scores).get(name)) for each, scores in record(gate.get("baselines")).items()}
    return Measure(
        name,
        metric_title(name),
        number(value),
        number(low),
        number(high),
        number(record(gate.get("champion_metrics")).get(name)),
        baselines,
        is_decisive,
    )


def metric_title(name: str) -> str:
    """A metric's name as a reader has it: `ndcg@10` is `nDCG at 10`."""
    what, _, places = name.partition("@")
    said = _METRICS.get(what, words(what))
    return f"{said} at {places}" if places else said


def _place(name: str) -> tuple[int, int, str]:
    what, _, places = name.partition("@")
    return (int(places) if places.isdecimal() else 0, _ORDER.index(what) if what in _ORDER else len(_ORDER), name)


def _segments(gate: Record) -> tuple[Segment, ...]:
    found, metric = record(record(gate.get("evaluation")).get("segments")), str(gate.get("metric"))
    return tuple(
        Segment(words(name), spelled(record(means).get("cases"), whole), spelled(record(means).get(metric), score))
        for name, means in found.items()
    )


def _origin(manifest: Manifest) -> Iterable[Fact]:
    holdout = record(manifest.gate.get("holdout"))
    yield Fact("Dataset", manifest.dataset)
    yield Fact("Snapshot", manifest.snapshot, is_code=True)
    if holdout.get("fingerprint"):
        yield Fact("Hold-out", str(holdout["fingerprint"]), is_code=True)
    if holdout.get("cases") is not None:
        yield Fact("Users held out", spelled(holdout["cases"], whole))
    yield Fact("Code", manifest.code, is_code=True)
    for name, value in sorted(manifest.lineage.items()):
        if name == "watermark_ms":
            yield Fact("Knows what happened until", moment(number(value)))
        elif name not in _UNTOLD:
            yield Fact(words(name), value_text(value))


def _cost(gate: Record) -> Iterable[Fact]:
    cost, fit = record(gate.get("cost")), number(gate.get("fit_seconds"))
    if fit is not None:
        yield Fact("Training took", duration(fit))
    p95, memory = number(cost.get("p95_seconds")), number(cost.get("memory_bytes"))
    if p95 is not None:
        yield Fact("95 % of answers within", f"{1_000 * p95:.2f} ms")
    if memory is not None:
        yield Fact("In memory", size(memory))
    replay = record(gate.get("replay"))
    if replay:
        yield Fact("Recorded requests", spelled(replay.get("requests"), whole))
        yield Fact("Shown again as then", spelled(replay.get("overlap"), share))


@dataclass(frozen=True)
class MoveRow:
    """A move of the champion.

    Attributes:
        sequence: Its place in the ledger.
        is_rollback: Whether it went back.
        from_number: The champion until then; `None` for the first.
        to_number: The champion from then on.
        actor: Who asked.
        is_forced: Whether the gate was overridden.
        reason: Why.
        at_ms: When.
        gate: Digest of the gate record it stood on.
        signature: Digest of the signature.
        digest: Its own, chained to the one before it.
        is_broken: Whether it is the first that is not what was written.
    """

    sequence: int
    is_rollback: bool
    from_number: int | None
    to_number: int
    actor: str
    is_forced: bool
    reason: str
    at_ms: float | None
    gate: str
    signature: str
    digest: str
    is_broken: bool = False


def move_rows(moves: Sequence[Record], *, broken: int | None = None) -> tuple[MoveRow, ...]:
    """Moves as `VersionDesk.history` has them, the latest first.

    Args:
        moves: Oldest first.
        broken: Place of the first that is not what was written.
    """
    return tuple(_move(each, broken) for each in reversed(moves))


def _move(move: Record, broken: int | None) -> MoveRow:
    sequence, before = int(str(move["sequence"])), move.get("from_number")
    return MoveRow(
        sequence,
        move["kind"] == "rolled_back",
        None if before is None else int(str(before)),
        int(str(move["to_number"])),
        str(move["actor"]),
        bool(move["forced"]),
        str(move["reason"]),
        at_ms(move["at"]),
        str(move.get("gate") or ""),
        str(move.get("signature") or ""),
        str(move["digest"]),
        sequence == broken,
    )
