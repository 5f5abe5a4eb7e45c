"""What must not get worse while the metric gets better: for whom, how widely, how safely, at what cost (pure)."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite

import numpy as np

from tacit.models.interfaces import Shown
from tacit.rollout.pairs import Pair, paired
from tacit.rollout.rehearsal import QUICK_SECONDS, Cost, Replay
from tacit.rollout.verdicts import Evidence, Finding, GateRules, Idle, Incumbent, Outcome

_JUMP_TIMES = 3.0
"""An item jumps only if at least so many times as many lists show it as the champion's do."""

_SEEN = 20
"""Users of a segment below which not even harm is seen."""

_NAMED = 5
"""Items that jump which are named, the highest first; the others are counted."""

_MIB = 2**20

Said = Finding | Idle


def guardrails(evidence: Evidence, rules: GateRules) -> Iterator[Said]:
    """What each guardrail says."""
    if evidence.champion is not None:
        yield from _segments(evidence, evidence.champion, rules)
    yield _coverage(evidence, rules)
    if evidence.champion is not None:
        yield _coverage_kept(evidence, evidence.champion, rules)
        yield _popularity(evidence, evidence.champion, rules)
        yield _items(evidence.candidate.shown, evidence.champion.evaluation.shown, rules)
    yield from _cost(evidence, rules)
    yield _replay(evidence.replay, rules)


def _segments(evidence: Evidence, champion: Incumbent, rules: GateRules) -> Iterator[Said]:
    """No part of the users may pay for what the others gain.

    Few users that fare well prove nothing, and stand in nobody's way; few that fare worse beyond doubt do.
    """
    limits = {"gate.max_segment_drop": rules.max_segment_drop, "gate.min_segment_cases": rules.min_segment_cases}
    for segment, members in evidence.candidate.members.items():
        gate, cases = f"segment_{segment}", int(members.sum())
        few = f"{cases} {segment} users have held-out interactions, of {rules.min_segment_cases} needed to tell."
        if cases < min(_SEEN, rules.min_segment_cases):
            yield Idle(gate, few)
            continue
        pair = paired(evidence.candidate, champion.evaluation, rules, segment=segment)
        if isinstance(pair, str):
            yield Finding(gate, "insufficient", f"For {segment} users it cannot be compared: {pair}.", limits=limits)
            continue
        found = _segment(pair, rules, said=f"For {cases} {segment} users {pair.said(rules.metric)}")
        is_told = cases >= rules.min_segment_cases or found[0] == "fail"
        yield Finding(gate, *found, pair.numbers, limits) if is_told else Idle(gate, few)


def _segment(pair: Pair, rules: GateRules, *, said: str) -> tuple[Outcome, str]:
    if not pair.incumbent > 0:
        return "pass", f"{said}: nothing to fall short of."
    low, high = pair.relative
    interval = f"95 % interval of the relative difference {low:+.1%} to {high:+.1%}"
    if low >= -rules.max_segment_drop:
        return "pass", f"{said} ({interval})."
    if pair.lift < -rules.max_segment_drop and high < 0:
        return "fail", f"{said}: worse ({interval})."
    return "insufficient", f"{said}: a drop of over {rules.max_segment_drop:.0%} cannot be ruled out ({interval})."


def _coverage(evidence: Evidence, rules: GateRules) -> Finding:
    gate, limits = "coverage", {"gate.min_coverage": rules.min_coverage}
    share = evidence.candidate.metrics.get(f"coverage@{rules.cutoff}", float("nan"))
    if not isfinite(share):
        return Finding(gate, "insufficient", "How much of the catalogue its lists reach is not known.", limits=limits)
    if share < rules.min_coverage:
        reason = f"Its lists reach {share:.1%} of the catalogue; at least {rules.min_coverage:.1%} is needed."
        return Finding(gate, "fail", reason, {"coverage": share}, limits)
    return Finding(gate, "pass", f"Its lists reach {share:.1%} of the catalogue.", {"coverage": share}, limits)


def _coverage_kept(evidence: Evidence, champion: Incumbent, rules: GateRules) -> Finding:
    gate, limits = "coverage_kept", {"gate.max_coverage_drop": rules.max_coverage_drop}
    ours, theirs = _both(evidence, champion, f"coverage@{rules.cutoff}")
    numbers = {"candidate": ours, "incumbent": theirs}
    if not (isfinite(ours) and isfinite(theirs)):
        reason = f"How much of the catalogue its lists and those of {champion.name} reach is not known."
        return Finding(gate, "insufficient", reason, numbers, limits)
    said = f"Its lists reach {ours:.1%} of the catalogue, those of {champion.name} {theirs:.1%}"
    if ours < theirs * (1 - rules.max_coverage_drop):
        reason = f"{said}: a drop of more than {rules.max_coverage_drop:.0%}."
        return Finding(gate, "fail", reason, numbers, limits)
    return Finding(gate, "pass", f"{said}.", numbers, limits)


def _popularity(evidence: Evidence, champion: Incumbent, rules: GateRules) -> Finding:
    """Whether lists lean further to what is popular, by where their items stand, or crowd on fewer, by Gini."""
    gate, limits = "popularity_bias", {"gate.max_popularity_rise": rules.max_popularity_rise}
    lean = _both(evidence, champion, f"popularity@{rules.cutoff}")
    crowd = _both(evidence, champion, f"gini@{rules.cutoff}")
    names = ("candidate", "incumbent", "candidate_gini", "incumbent_gini")
    numbers = dict(zip(names, (*lean, *crowd), strict=True))
    if not all(map(isfinite, (*lean, *crowd))):
        return Finding(gate, "insufficient", "How far its lists lean to what is popular is not known.", numbers, limits)
    said = f"Popularity of what it shows {lean[0]:.3f} against {lean[1]:.3f} of {champion.name}, "
    said += f"unevenness {crowd[0]:.3f} against {crowd[1]:.3f}"
    if max(lean[0] - lean[1], crowd[0] - crowd[1]) > rules.max_popularity_rise:
        reason = f"{said}: a rise of more than {rules.max_popularity_rise:g}."
        return Finding(gate, "fail", reason, numbers, limits)
    return Finding(gate, "pass", f"{said}.", numbers, limits)


def _items(ours: Shown | None, theirs: Shown | None, rules: GateRules) -> Finding:
    """Whether a single item comes up in far more lists: what made-up plays would do for it.

    Far more is so against what the champion shows, and against an even share of the places: in a small catalogue every
    item is in many lists.
    """
    gate, limits = "item_jump", {"gate.max_item_rise": rules.max_item_rise}
    if ours is None or theirs is None or ours.item_ids != theirs.item_ids or not ours.lists.sum():
        return Finding(gate, "insufficient", "Which items its lists show is not known.", limits=limits)
    now, before = ours.lists / max(ours.of, 1), theirs.lists / max(theirs.of, 1)
    even = min(1.0, float(now.sum()) / len(now))
    rise = np.where(now >= _JUMP_TIMES * np.maximum(before, even), now - before, 0.0)
    jumped = np.flatnonzero(rise > rules.max_item_rise)
    most = int(np.argmax(rise))
    numbers = {"rise": float(rise[most]), "share": float(now[most]), "champion_share": float(before[most])}
    numbers["jumped"] = float(len(jumped))
    if not len(jumped):
        return Finding(gate, "pass", "No item comes up in many more lists than before.", numbers, limits)
    named = ", ".join(
        f"{ascii(ours.item_ids[place])[:64]} (in {now[place]:.1%} of lists, in {before[place]:.1%} of the champion's)"
        for place in jumped[np.argsort(-rise[jumped], kind="stable")][:_NAMED]
    )
    told = "1 item jumps" if len(jumped) == 1 else f"{len(jumped)} items jump"
    reason = f"{told}: {named}; look at who chose what before users meet this."
    return Finding(gate, "fail", reason, numbers, limits)


def _cost(evidence: Evidence, rules: GateRules) -> Iterator[Finding]:
    cost = evidence.cost
    limits = {"gate.max_p95_ms": rules.max_p95_ms}
    if cost is None:
        yield Finding("latency", "insufficient", "How long answering takes was not measured.", limits=limits)
        return
    if cost.problem:
        yield Finding("latency", "fail", f"It could not answer on the spot: {cost.problem}.", limits=limits)
        return
    champion = None if evidence.champion is None else evidence.champion.cost
    yield _latency(cost, champion, rules)
    yield _within("size", cost.size_bytes, rules.max_size_mib, limit="gate.max_size_mib", what="On disk")
    yield _within("memory", cost.memory_bytes, rules.max_memory_mib, limit="gate.max_memory_mib", what="In memory")


def _latency(cost: Cost, champion: Cost | None, rules: GateRules) -> Finding:
    gate, limits = "latency", {"gate.max_p95_ms": rules.max_p95_ms, "gate.max_slowdown": rules.max_slowdown}
    ours, theirs = cost.p95_seconds, float("nan") if champion is None else champion.p95_seconds
    numbers = {"p95_ms": 1_000 * ours, "champion_p95_ms": 1_000 * theirs, "answers": float(cost.answers)}
    if not isfinite(ours):
        return Finding(gate, "insufficient", "It knows nobody to time answers by.", numbers, limits)
    said = f"95 % of {cost.answers} answers took up to {1_000 * ours:.2f} ms"
    if 1_000 * ours > rules.max_p95_ms:
        return Finding(gate, "fail", f"{said}; {rules.max_p95_ms:g} ms are allowed.", numbers, limits)
    if isfinite(theirs) and ours > rules.max_slowdown * max(theirs, QUICK_SECONDS):
        reason = f"{said}, the champion's {1_000 * theirs:.2f} ms: more than {rules.max_slowdown:g} times as long."
        return Finding(gate, "fail", reason, numbers, limits)
    return Finding(gate, "pass", f"{said}.", numbers, limits)


def _within(gate: str, found: float, most: float, *, limit: str, what: str) -> Finding:
    numbers, limits = {"mib": found / _MIB}, {limit: most}
    if not isfinite(found):
        return Finding(gate, "insufficient", f"{what} it takes nobody knows how much.", numbers, limits)
    said = f"{what} it takes {found / _MIB:.1f} MiB"
    if found > most * _MIB:
        return Finding(gate, "fail", f"{said}; {most:g} MiB are allowed.", numbers, limits)
    return Finding(gate, "pass", f"{said}.", numbers, limits)


def _replay(replay: Replay | None, rules: GateRules) -> Said:
    """A few requests that went well prove nothing, and stand in nobody's way; a single one that failed does."""
    gate = "replay"
    if not rules.replay_requests:
        return Idle(gate, "Recorded requests are switched off (gate.replay_requests).")
    limits = {"gate.min_replayed": float(rules.min_replayed), "gate.max_p95_ms": rules.max_p95_ms}
    if replay is None or (replay.problem and not replay.requests):
        why = "was not done" if replay is None else f"could not be done: {replay.problem}"
        return Finding(gate, "insufficient", f"Asking it what users asked lately {why}.", limits=limits)
    numbers = {"requests": float(replay.requests), "failed": float(replay.failed), "p95_ms": 1_000 * replay.p95_seconds}
    numbers |= {"overlap": replay.overlap, "score_shift": replay.score_shift}
    if replay.failed:
        reason = f"Of {replay.requests} recorded requests it failed {replay.failed}: {replay.problem}."
        return Finding(gate, "fail", reason, numbers, limits)
    if replay.requests < rules.min_replayed:
        return Idle(gate, f"{replay.requests} requests are recorded, of {rules.min_replayed} needed to tell.")
    said = f"It answered {replay.requests} recorded requests, 95 % within {1_000 * replay.p95_seconds:.2f} ms"
    if not 1_000 * replay.p95_seconds <= rules.max_p95_ms:
        return Finding(gate, "fail", f"{said}; {rules.max_p95_ms:g} ms are allowed.", numbers, limits)
    shared = f"; {replay.overlap:.0%} of what was shown then it would show again" if isfinite(replay.overlap) else ""
    return Finding(gate, "pass", f"{said}{shared}.", numbers, limits)


def _both(evidence: Evidence, champion: Incumbent, metric: str) -> tuple[float, float]:
    """The candidate's and the champion's; NaN for what was not measured."""
    nothing = float("nan")
    return evidence.candidate.metrics.get(metric, nothing), champion.evaluation.metrics.get(metric, nothing)
