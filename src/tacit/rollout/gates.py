"""Candidate against incumbent: what evidence lets a version reach users (pure)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tacit.models.interfaces import Evaluation
from tacit.rollout.guardrails import guardrails
from tacit.rollout.pairs import paired
from tacit.rollout.policies import Succession, days
from tacit.rollout.verdicts import Evidence, Finding, GateRules, Idle, Incumbent, Verdict

__all__ = ["Evidence", "Finding", "GateRules", "Incumbent", "Verdict", "judge"]


def judge(evidence: Evidence, rules: GateRules) -> Verdict:
    """Ask every gate, so that a refusal names all its reasons at once.

    What is missing, too little or not a number is `insufficient`: it never passes.  The exceptions have nothing to go
    by through no fault of the candidate, and are told as idle: what compares with a champion where there is none, a
    segment of too few cases, recorded requests that nobody made yet.
    """
    enough = _enough_cases(evidence.candidate, rules)
    if enough.outcome != "pass":
        return Verdict((enough,))
    said = [enough, *_quality(evidence, rules), *guardrails(evidence, rules)]
    findings = tuple(each for each in said if isinstance(each, Finding))
    return Verdict(findings, tuple(each for each in said if isinstance(each, Idle)))


def _quality(evidence: Evidence, rules: GateRules) -> Iterator[Finding | Idle]:
    """Whether it is good enough: against the baseline always, against the champion as the policy has it."""
    yield _better_than_baseline(evidence, rules)
    champion = evidence.champion
    if champion is None:
        yield Idle("champion", evidence.policy.reason)
    elif evidence.policy.name == "refresh":
        yield _no_worse_than_champion(evidence, champion, rules)
        yield _newer_than_champion(champion.succession)
        yield _champion_old_enough(champion.succession, rules)
    else:
        yield _better_than_champion(evidence, champion, rules)


def _enough_cases(candidate: Evaluation, rules: GateRules) -> Finding:
    cases = len(candidate.case_ids)
    numbers, limits = {"cases": float(cases)}, {"gate.min_cases": float(rules.min_cases)}
    if cases < rules.min_cases:
        reason = f"Only {cases} users have held-out interactions; {rules.min_cases} are needed to tell anything."
        return Finding("enough_cases", "insufficient", reason, numbers, limits)
    return Finding("enough_cases", "pass", f"{cases} users have held-out interactions.", numbers, limits)


def _better_than_baseline(evidence: Evidence, rules: GateRules) -> Finding:
    gate, baseline = "better_than_baseline", evidence.baseline
    pair = paired(evidence.candidate, baseline.evaluation, rules)
    if isinstance(pair, str):
        return Finding(gate, "insufficient", f"It cannot be compared with {baseline.name}: {pair}.")
    said = f"{pair.said(rules.metric)} of {baseline.name}"
    interval = f"95 % interval of the difference {pair.low:+.4f} to {pair.high:+.4f}"
    if pair.low > 0:
        return Finding(gate, "pass", f"{said}: better ({interval}).", pair.numbers)
    if pair.candidate > pair.incumbent:
        return Finding(gate, "insufficient", f"{said}: it may be chance ({interval}).", pair.numbers)
    return Finding(gate, "fail", f"{said}: no better than the simplest thing.", pair.numbers)


def _better_than_champion(evidence: Evidence, champion: Incumbent, rules: GateRules) -> Finding:
    """The policy `improve`."""
    gate, limits = "better_than_champion", {"gate.min_lift": rules.min_lift}
    pair = paired(evidence.candidate, champion.evaluation, rules)
    if isinstance(pair, str):
        return Finding(gate, "insufficient", f"It cannot be compared with {champion.name}: {pair}.", limits=limits)
    said = f"{pair.said(rules.metric)} of {champion.name}, {pair.lift:+.2%}"
    interval = f"95 % interval of the difference {pair.low:+.4f} to {pair.high:+.4f}"
    if not pair.lift >= rules.min_lift:
        reason = f"{said}: an improvement begins at {rules.min_lift:+.1%} ({interval})."
        return Finding(gate, "fail", reason, pair.numbers, limits)
    if not pair.low > 0:
        return Finding(gate, "insufficient", f"{said}: it may be chance ({interval}).", pair.numbers, limits)
    return Finding(gate, "pass", f"{said}: better ({interval}).", pair.numbers, limits)


def _no_worse_than_champion(evidence: Evidence, champion: Incumbent, rules: GateRules) -> Finding:
    """The policy `refresh`, its first part."""
    gate, limits = "no_worse_than_champion", {"gate.max_drop": rules.max_drop}
    pair = paired(evidence.candidate, champion.evaluation, rules)
    if isinstance(pair, str):
        return Finding(gate, "insufficient", f"It cannot be compared with {champion.name}: {pair}.", limits=limits)
    if not pair.incumbent > 0:
        reason = f"The {rules.metric} of {champion.name} on this hold-out is 0; there is nothing to fall short of."
        return Finding(gate, "pass", reason, pair.numbers, limits)
    low, high = pair.relative
    said = f"{pair.said(rules.metric)} of {champion.name}"
    interval = f"95 % interval of the relative difference {low:+.2%} to {high:+.2%}"
    if low >= -rules.max_drop:
        return Finding(gate, "pass", f"{said}: no worse ({interval}).", pair.numbers, limits)
    if pair.lift < -rules.max_drop:
        return Finding(gate, "fail", f"{said}: worse ({interval}).", pair.numbers, limits)
    reason = f"{said}: a drop of over {rules.max_drop:.0%} cannot be ruled out ({interval})."
    return Finding(gate, "insufficient", reason, pair.numbers, limits)


def _newer_than_champion(succession: Succession | None) -> Finding:
    """The policy `refresh`, its second part: what is merely no worse must at least know more."""
    gate = "newer_than_champion"
    if succession is None:
        return Finding(gate, "insufficient", "Nothing is known of what the champion learnt from.")
    if succession.is_newer:
        return Finding(gate, "pass", f"It refreshes the champion: {succession.newer}.")
    return Finding(gate, "fail", f"It refreshes nothing: {succession.newer}.")


def _champion_old_enough(succession: Succession | None, rules: GateRules) -> Finding:
    """The policy `refresh`, its third part: many small drops in a row would add up to a large one."""
    gate, limits = "champion_old_enough", {"gate.refresh_min_age_days": rules.refresh_min_age_days}
    age = np.nan if succession is None else succession.age_days
    if np.isnan(age):
        return Finding(gate, "insufficient", "Nobody knows how old the champion is.", limits=limits)
    numbers, said = {"age_days": age}, f"The champion is {days(age)} old"
    if age < rules.refresh_min_age_days:
        reason = f"{said}; a refresh may replace it from {days(rules.refresh_min_age_days)} on."
        return Finding(gate, "fail", reason, numbers, limits)
    return Finding(gate, "pass", f"{said}.", numbers, limits)
