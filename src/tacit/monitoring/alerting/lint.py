"""What is wrong with rules before anything happens: a rule that never fires looks like a system that is well (pure)."""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from tacit.monitoring.alerting.promql import grouped_by, selections
from tacit.monitoring.alerting.rules import AlertRule, RecordingRule
from tacit.monitoring.alerting.watch_alerts import DEAD_MAN, OF_PROMETHEUS
from tacit.monitoring.host_metrics import OF_THE_CLIENT
from tacit.monitoring.metric import Metric

_OF_EACH_SCRAPE = frozenset({"job", "instance", "worker"})
_TOLD = re.compile(r"\$labels\.([a-zA-Z_][a-zA-Z0-9_]*)")
_LIMIT = re.compile(r"^(?P<what>.+) (?P<sign>[<>]) (?P<limit>[0-9.e+-]+)$", re.DOTALL)


@dataclass(frozen=True)
class Problem:
    """Something wrong with a rule.

    Attributes:
        rule: Its name.
        detail: What is wrong, as a sentence.
    """

    rule: str
    detail: str


def lint(
    rules: Sequence[AlertRule],
    recordings: Sequence[RecordingRule],
    metrics: Iterable[Metric],
    *,
    runbooks: Collection[str] | None = None,
) -> tuple[Problem, ...]:
    """Everything that is wrong.

    Args:
        rules: Every alert.
        recordings: What they may read beside metrics.
        metrics: The catalogue.
        runbooks: Names of the pages there are; `None` leaves them unchecked.
    """
    known = _known(recordings, metrics)
    return (
        *(found for each in recordings for found in _reads(each.name, each.expr, known)),
        *(found for rule in rules for found in _rule_problems(rule, known, runbooks)),
        *_twice(rules),
        *_out_of_order(rules),
        *_without_dead_man(rules),
    )


def _known(recordings: Iterable[RecordingRule], metrics: Iterable[Metric]) -> dict[str, frozenset[str] | None]:
    """Labels of every series by name; `None` where any may be."""
    known: dict[str, frozenset[str] | None] = dict.fromkeys((*OF_PROMETHEUS, *OF_THE_CLIENT))
    known |= dict.fromkeys(each.name for each in recordings)
    for metric in metrics:
        labels = frozenset(metric.labels)
        if metric.kind != "histogram":
            known[metric.name] = labels
            continue
        known |= {
            f"{metric.name}_bucket": labels | {"le"},
            f"{metric.name}_sum": labels,
            f"{metric.name}_count": labels,
        }
    return known


def _rule_problems(
    rule: AlertRule, known: dict[str, frozenset[str] | None], runbooks: Collection[str] | None
) -> Iterator[Problem]:
    yield from _reads(rule.name, rule.expr, known)
    yield from _unfilled(rule, known)
    if not rule.owner.strip():
        yield Problem(rule.name, "Nobody owns it.")
    if runbooks is not None and rule.runbook not in runbooks:
        yield Problem(rule.name, f"There is no runbook {rule.runbook}.")
    for name in ("summary", "description", "threshold"):
        if not getattr(rule, name).strip():
            yield Problem(rule.name, f"Its {name} is empty.")
    if rule.for_seconds < 0:
        yield Problem(rule.name, "It would have to hold for less than no time.")


def _reads(name: str, expr: str, known: dict[str, frozenset[str] | None]) -> Iterator[Problem]:
    for selection in selections(expr):
        if selection.name not in known:
            yield Problem(name, f"It reads {selection.name}, which nobody measures.")
            continue
        labels = known[selection.name]
        unknown = selection.labels - (labels or frozenset()) - _OF_EACH_SCRAPE
        if labels is not None and unknown:
            yield Problem(name, f"{selection.name} has no label {', '.join(sorted(unknown))}.")


def _unfilled(rule: AlertRule, known: dict[str, frozenset[str] | None]) -> Iterator[Problem]:
    """Labels that its texts show, and that no series it reads has."""
    of_series = (known.get(each.name) or frozenset() for each in selections(rule.expr))
    given = frozenset().union(*of_series) | grouped_by(rule.expr) | _OF_EACH_SCRAPE
    if "label_replace" in rule.expr:
        given |= {"metric"}
    for label in _TOLD.findall(rule.summary + rule.description):
        if label not in given:
            yield Problem(rule.name, f"Its text shows the label {label}, which no series has.")


def _twice(rules: Iterable[AlertRule]) -> Iterator[Problem]:
    counted = Counter((rule.name, rule.workload) for rule in rules)
    for (name, workload), count in counted.items():
        if count > 1:
            yield Problem(name, f"There are {count} rules of this name for {workload}.")


def _out_of_order(rules: Iterable[AlertRule]) -> Iterator[Problem]:
    """Rules that look at the same figure, of which a graver one has the more lenient limit."""
    grave = {"warning": 0, "critical": 1, "p0": 2}
    figures: dict[tuple[str, str], list[tuple[int, float, AlertRule]]] = defaultdict(list)
    for rule in rules:
        found = _LIMIT.match(rule.expr)
        if found and rule.severity in grave:
            figures[found["what"], found["sign"]].append((grave[rule.severity], float(found["limit"]), rule))
    for (_, sign), same in figures.items():
        ordered = sorted(same, key=lambda each: each[0])
        for (_, milder, _), (_, graver, rule) in itertools.pairwise(ordered):
            if (graver < milder) if sign == ">" else (graver > milder):
                yield Problem(rule.name, f"Its limit, {graver:g}, is reached before the milder one's, {milder:g}.")


def _without_dead_man(rules: Iterable[AlertRule]) -> Iterator[Problem]:
    if not any(rule.name == DEAD_MAN and rule.severity == "heartbeat" for rule in rules):
        yield Problem(DEAD_MAN, "It is missing: that no alert arrives would mean nothing.")
