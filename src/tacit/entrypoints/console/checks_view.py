"""Checks of gates and of stages as rows: what was measured, against what, and what was said of it (pure)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tacit.entrypoints.console.bullets import Bullet, Side, bullet
from tacit.entrypoints.console.spelling import (
    Spell,
    days,
    figures,
    interval,
    mebibytes,
    milliseconds,
    number,
    share,
    signed_share,
    spelled,
    words,
)
from tacit.entrypoints.console.wording import DASH, duration, whole

Record = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One check.

    Attributes:
        name: What it is called in the records.
        title: What it is called on a page.
        outcome: `pass`, `fail`, `insufficient`, or `idle` for one that had nothing to go by.
        reason: Its sentence.
        measured: What was measured, spelled.
        limit: What it is held against, spelled with its direction.
        champion: The champion's at the same time, where it is known.
        interval: How sure the measured is, where that is known.
        bar: All of it on a bar; `None` where there is nothing to draw.
        is_need: Whether it is about how much there is to judge by, rather than about how good it is.
    """

    name: str
    title: str
    outcome: str
    reason: str
    measured: str = DASH
    limit: str = ""
    champion: str = ""
    interval: str = ""
    bar: Bullet | None = None
    is_need: bool = False


@dataclass(frozen=True, slots=True)
class _Told:
    """How a check is told.

    Attributes:
        title: What it is called.
        spell: How its numbers are written.
        side: On which side of its limit it is well.
        is_need: As of `CheckRow`.
    """

    title: str
    spell: Spell
    side: Side = "most"
    is_need: bool = False


_STAGE: Mapping[str, _Told] = {
    "bake": _Told("Time in this stage", duration, "least", is_need=True),
    "mirrored": _Told("Mirrored requests answered", whole, "least", is_need=True),
    "requests": _Told("Requests answered", whole, "least", is_need=True),
    "users": _Told("Users who met it", whole, "least", is_need=True),
    "champion_requests": _Told("Requests of the champion", whole, "least", is_need=True),
    "split": _Told("Users divided as planned", share, "near"),
    "errors": _Told("Failed requests", share),
    "degraded": _Told("Degraded answers", share),
    "latency_p95": _Told("Latency, 95th percentile", duration),
    "latency_p99": _Told("Latency, 99th percentile", duration),
    "clicks": _Told("Lists clicked", share, "least"),
    "overlap": _Told("Overlap with the lists given", share, "least"),
    "score_shift": _Told("Shift of the scores", figures),
}


def stage_check(finding: Record) -> CheckRow:
    """A check of a rollout's stage, whose numbers name what was `measured` and its `limit`."""
    name, numbers = str(finding.get("gate")), record(finding.get("numbers"))
    told = _STAGE.get(name, _Told(words(name), figures))
    measured, limit = numbers.get("measured"), numbers.get("limit")
    return CheckRow(
        name,
        told.title,
        str(finding.get("outcome")),
        str(finding.get("reason")),
        spelled(measured, told.spell),
        _limit(limit, told),
        spelled(numbers["champion"], told.spell) if number(numbers.get("champion")) is not None else "",
        bar=bullet(measured, limit=limit, side=told.side, champion=numbers.get("champion")),
        is_need=told.is_need,
    )


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a gate's numbers say, in one unit."""

    told: _Told
    measured: object
    limit: object
    champion: object = None
    ends: tuple[object, object] = (None, None)
    measured_spell: Spell | None = None


_Read = Callable[[Record, Record], _Reading]


def _lift(limit: str | None, *, sign: float = 1.0, title: str) -> _Read:
    """A relative difference with its interval, which must reach a limit."""

    def read(numbers: Record, limits: Record) -> _Reading:
        held = number(limits.get(limit)) if limit else 0.0
        ends = numbers.get("lift_low"), numbers.get("lift_high")
        told = _Told(title, signed_share, "least")
        return _Reading(told, numbers.get("lift"), None if held is None else sign * held, None, ends)

    return read


def _kept(numbers: Record, limits: Record) -> _Reading:
    ours, theirs = number(numbers.get("candidate")), number(numbers.get("incumbent"))
    most = number(limits.get("gate.max_coverage_drop"))
    least = None if theirs is None or most is None else theirs * (1 - most)
    return _Reading(_Told("Coverage kept", share, "least"), ours, least, theirs)


def _bias(numbers: Record, limits: Record) -> _Reading:
    pairs = (("candidate", "incumbent"), ("candidate_gini", "incumbent_gini"))
    rises = [_difference(numbers, *pair) for pair in pairs]
    most = max((each for each in rises if each is not None), default=None)
    told = _Told("Rise of popularity or unevenness", _signed_plain)
    return _Reading(told, most, limits.get("gate.max_popularity_rise"))


def _difference(numbers: Record, ours: str, theirs: str) -> float | None:
    first, second = number(numbers.get(ours)), number(numbers.get(theirs))
    return None if first is None or second is None else first - second


def _signed_plain(value: float) -> str:
    return f"{value:+.3f}".replace("-", "\N{MINUS SIGN}")


def _simple(title: str, of: str, limit: str, *, spell: Spell, side: Side = "most", champion: str = "") -> _Read:
    def read(numbers: Record, limits: Record) -> _Reading:
        return _Reading(_Told(title, spell, side), numbers.get(of), limits.get(limit), numbers.get(champion))

    return read


_GATES: Mapping[str, _Read] = {
    "enough_cases": _simple("Users to judge by", "cases", "gate.min_cases", spell=whole, side="least"),
    "better_than_baseline": _lift(None, title="Better than the baseline"),
    "better_than_champion": _lift("gate.min_lift", title="Better than the champion"),
    "no_worse_than_champion": _lift("gate.max_drop", sign=-1, title="No worse than the champion"),
    "champion_old_enough": _simple(
        "Age of the champion", "age_days", "gate.refresh_min_age_days", spell=days, side="least"
    ),
    "coverage": _simple("Coverage of the catalogue", "coverage", "gate.min_coverage", spell=share, side="least"),
    "coverage_kept": _kept,
    "popularity_bias": _bias,
    "item_jump": _simple("Largest rise of one item", "rise", "gate.max_item_rise", spell=share),
    "latency": _simple(
        "Latency, 95th percentile", "p95_ms", "gate.max_p95_ms", spell=milliseconds, champion="champion_p95_ms"
    ),
    "size": _simple("Size on disk", "mib", "gate.max_size_mib", spell=mebibytes),
    "memory": _simple("Size in memory", "mib", "gate.max_memory_mib", spell=mebibytes),
    "replay": _simple("Recorded requests, 95th percentile", "p95_ms", "gate.max_p95_ms", spell=milliseconds),
}


def gate_check(finding: Record) -> CheckRow:
    """A check of the gate that judged a version."""
    name = str(finding.get("gate"))
    outcome, reason = str(finding.get("outcome")), str(finding.get("reason"))
    read = _reader(name)
    if read is None:
        return CheckRow(name, words(name), outcome, reason)
    found = read(record(finding.get("numbers")), record(finding.get("limits")))
    told = found.told
    low, high = found.ends
    champion = spelled(found.champion, told.spell) if number(found.champion) is not None else ""
    bar = bullet(found.measured, limit=found.limit, side=told.side, champion=found.champion, low=low, high=high)
    measured = spelled(found.measured, told.spell)
    return CheckRow(
        name, told.title, outcome, reason, measured, _limit(found.limit, told), champion,
        interval(low, high, told.spell), bar,
    )  # fmt: skip


def gate_checks(gate: Record) -> tuple[CheckRow, ...]:
    """Every check of a gate record, those that stand in the way first, those that had nothing to go by last."""
    found = [gate_check(each) for each in records(gate.get("findings"))]
    order = {"fail": 0, "insufficient": 1, "pass": 2}
    idle = (
        CheckRow(str(each.get("gate")), _title(str(each.get("gate"))), "idle", str(each.get("reason")))
        for each in records(gate.get("idle"))
    )
    return (*sorted(found, key=lambda row: order.get(row.outcome, 3)), *idle)


def stage_checks(judged: Record) -> tuple[CheckRow, ...]:
    """Every check of a stage: first what there is to judge by, then what it is judged on."""
    found = [stage_check(each) for each in records(judged.get("findings"))]
    return tuple(sorted(found, key=lambda row: not row.is_need))


def record(value: object) -> Record:
    """A mapping, and nothing for whatever else stands there: records of earlier releases lack parts."""
    return value if isinstance(value, Mapping) else {}


def records(value: object) -> Sequence[Record]:
    """Mappings, likewise."""
    return [record(each) for each in value] if isinstance(value, list | tuple) else []


def _reader(name: str) -> _Read | None:
    if name.startswith("segment_"):
        return _lift("gate.max_segment_drop", sign=-1, title=_title(name))
    return _GATES.get(name)


def _title(name: str) -> str:
    if name.startswith("segment_"):
        return f"Users who are {name.removeprefix('segment_')}"
    return "Recorded requests" if name == "replay" else words(name)


def _limit(limit: object, told: _Told) -> str:
    held = number(limit)
    if held is None:
        return ""
    how = {"least": "at least", "most": "at most", "near": "planned"}[told.side]
    return f"{how} {told.spell(held)}"
