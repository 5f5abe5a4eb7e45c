"""Two versions side by side: their scores, what the gate knew of the difference, what was set otherwise (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tacit.entrypoints.console.checks_view import record, records
from tacit.entrypoints.console.spelling import (
    interval,
    number,
    score,
    signed_score,
    signed_share,
    spelled,
    value_text,
)
from tacit.entrypoints.console.versions_view import Measure, measures_of
from tacit.entrypoints.console.wording import DASH, size
from tacit.registry.versions import Manifest

LESS_IS_BETTER = ("gini", "popularity")
"""Metrics of which less is better."""
_PAIRED = ("better_than_champion", "no_worse_than_champion")


@dataclass(frozen=True, slots=True)
class PairRow:
    """A metric of both.

    Attributes:
        title: What it is called.
        first: The first one's value.
        second: The second one's.
        difference: By how much the second is more, spelled; a dash where one lacks it.
        relative: The same as a share of the first's.
        tone: `good`, `bad` or `quiet`: whether the second is better, as far as the intervals tell.
        ends: The interval of the first, then that of the second.
        is_decisive: Whether a gate judged by it.
    """

    title: str
    first: str
    second: str
    difference: str
    relative: str
    tone: str
    ends: tuple[str, str]
    is_decisive: bool


@dataclass(frozen=True, slots=True)
class SettingRow:
    """A setting or fact of both, and whether they differ."""

    name: str
    first: str
    second: str

    @property
    def differs(self) -> bool:
        return self.first != self.second


@dataclass(frozen=True, slots=True)
class PairedFinding:
    """What a gate knew of the difference, on the very same users.

    Attributes:
        metric: What it was judged by.
        cases: How many users.
        difference: By how much the later is more.
        interval: The 95 % bootstrap interval of that.
        relative: The difference as a share of the earlier's.
        relative_interval: The interval of that.
        later: Which of the two it was that was judged.
        tone: `good`, `bad` or `quiet`.
    """

    metric: str
    cases: str
    difference: str
    interval: str
    relative: str
    relative_interval: str
    later: int
    tone: str


@dataclass(frozen=True)
class Comparison:
    """Both.

    Attributes:
        metrics: Row by row.
        settings: Likewise, those that differ first.
        facts: Data, code and size.
        paired: What a gate knew of the difference; `None` where neither was judged against the other.
        is_same_holdout: Whether both were scored on the same hold-out, so that values may be compared at all.
    """

    metrics: tuple[PairRow, ...]
    settings: tuple[SettingRow, ...]
    facts: tuple[SettingRow, ...]
    paired: PairedFinding | None
    is_same_holdout: bool


def compared(first: Manifest, second: Manifest) -> Comparison:
    """Two versions side by side."""
    ours = {each.name: each for each in measures_of(first)}
    theirs = {each.name: each for each in measures_of(second)}
    names = [*ours, *(name for name in theirs if name not in ours)]
    settings = _settings(first.hyperparameters, second.hyperparameters)
    return Comparison(
        tuple(_pair(name, ours.get(name), theirs.get(name)) for name in names),
        tuple(sorted(settings, key=lambda row: not row.differs)),
        _facts(first, second),
        paired_finding(first, second),
        _holdout(first) is not None and _holdout(first) == _holdout(second),
    )


def paired_finding(first: Manifest, second: Manifest) -> PairedFinding | None:
    """What the gate of one of them knew of the difference to the other, which was the champion then."""
    for earlier, later in ((first, second), (second, first)):
        if later.gate.get("champion_number") != earlier.number:
            continue
        for finding in records(later.gate.get("findings")):
            numbers = record(finding.get("numbers"))
            if finding.get("gate") in _PAIRED and number(numbers.get("low")) is not None:
                return _paired(later, numbers)
    return None


def _paired(later: Manifest, numbers: Mapping[str, object]) -> PairedFinding:
    ours, theirs = number(numbers.get("candidate")), number(numbers.get("incumbent"))
    low, high = number(numbers.get("low")), number(numbers.get("high"))
    difference = None if ours is None or theirs is None else ours - theirs
    return PairedFinding(
        str(later.gate.get("metric")),
        spelled(numbers.get("cases"), lambda value: f"{value:,.0f}"),
        spelled(difference, signed_score),
        interval(low, high, signed_score),
        spelled(numbers.get("lift"), signed_share),
        interval(numbers.get("lift_low"), numbers.get("lift_high"), signed_share),
        later.number,
        "good" if low is not None and low > 0 else "bad" if high is not None and high < 0 else "quiet",
    )


def _pair(name: str, first: Measure | None, second: Measure | None) -> PairRow:
    known = first or second
    ours, theirs = (None if each is None else each.value for each in (first, second))
    is_told = ours is not None and theirs is not None
    difference = theirs - ours if ours is not None and theirs is not None else None
    relative = difference / ours if difference is not None and ours else None
    return PairRow(
        name if known is None else known.title,
        spelled(ours, score),
        spelled(theirs, score),
        spelled(difference, signed_score) if is_told else DASH,
        spelled(relative, signed_share) if relative is not None else "",
        _tone(name, first, second),
        ("" if first is None else first.interval, "" if second is None else second.interval),
        any(each is not None and each.is_decisive for each in (first, second)),
    )


def _tone(name: str, first: Measure | None, second: Measure | None) -> str:
    """Better or worse only where the intervals do not touch: each alone is a cautious test of the difference."""
    if first is None or second is None or None in (first.low, second.low, first.high, second.high):
        return "quiet"
    sign = -1 if name.startswith(LESS_IS_BETTER) else 1
    if (second.low or 0) > (first.high or 0):
        return "good" if sign > 0 else "bad"
    if (second.high or 0) < (first.low or 0):
        return "bad" if sign > 0 else "good"
    return "quiet"


def _settings(first: Mapping[str, object], second: Mapping[str, object]) -> list[SettingRow]:
    names = sorted({*first, *second})
    told = [[value_text(each[name]) if name in each else DASH for name in names] for each in (first, second)]
    return [SettingRow(name, one, other) for name, one, other in zip(names, *told, strict=True)]


def _facts(first: Manifest, second: Manifest) -> tuple[SettingRow, ...]:
    sizes = [size(sum(each.size for each in manifest.files)) for manifest in (first, second)]
    return (
        SettingRow("Dataset", first.dataset, second.dataset),
        SettingRow("Snapshot", first.snapshot[:12], second.snapshot[:12]),
        SettingRow("Code", first.code[:12], second.code[:12]),
        SettingRow("Verdict", str(first.gate.get("verdict")), str(second.gate.get("verdict"))),
        SettingRow("Size", *sizes),
    )


def _holdout(manifest: Manifest) -> object:
    return record(manifest.gate.get("holdout")).get("fingerprint")
