"""One stage of a rollout, judged: pass, fail, or too little to tell, with every reason and number (pure).

*Fail* needs evidence that stands however often one looks (`sequential`) **and** a difference that matters; a difference
that matters without such evidence is *insufficient*, and so is everything that is missing: it never carries forward.
The chances that a version just like the champion fails a stage: at most `ALPHAS`, added up.
"""

from __future__ import annotations

from collections.abc import Iterator

from tacit.rollout import sequential
from tacit.rollout.arm_traffic import LATENCY_BOUNDS, ArmCounts, Buckets, bucket_of, quantile
from tacit.rollout.evidence import Limits, ShadowEvidence, StageEvidence
from tacit.rollout.verdicts import Finding, Outcome, Verdict

ALPHAS = {"split": 0.001, "errors": 0.01, "degraded": 0.001, "latency": 0.001, "clicks": 0.005}
"""How often each check may fail a version that is just like the champion; latency has two."""

BREACH_REQUESTS = 30
"""Fewer requests than these never fail a version, whatever became of them."""

MIN_CLICKS = 10
"""Fewer clicked lists of the champion's than these say nothing of its click-through rate."""

NOT_AT_ONCE = 2.0
"""How many times as much clicks may drop against the champion of before: days have their hours."""

_SLOW = (0.95, 0.99)


def judge_stage(evidence: StageEvidence, limits: Limits) -> Verdict:
    """Judge a version by what users met who met it."""
    checks = (*_enough(evidence, limits), *_split(evidence), *_failures(evidence, limits))
    latencies = (_latency(evidence, limits, share) for share in _SLOW)
    return Verdict((*checks, *latencies, *_clicks(evidence, limits)))


def judge_shadow(evidence: ShadowEvidence, limits: Limits) -> Verdict:
    """Judge a version by answers that nobody saw; without any it is *insufficient* for as long as there are none."""
    counts = evidence.counts
    proof = _at_least("mirrored", counts.answered, limits.min_mirrored, what="mirrored requests answered")
    bake = _bake(evidence.seconds, evidence.needed_seconds)
    asked = ArmCounts(counts.answered + counts.errors, counts.errors)
    errors = _share_at_most("errors", asked, limits.max_errors, what="mirrored requests failed")
    if not counts.answered:
        return Verdict((proof, bake, errors))
    return Verdict((proof, bake, errors, *_compared(evidence, limits), _shadow_latency(evidence, limits)))


def _enough(evidence: StageEvidence, limits: Limits) -> Iterator[Finding]:
    yield _bake(evidence.seconds, evidence.needed_seconds)
    yield _at_least("requests", evidence.canary.counts.requests, limits.min_requests, what="requests answered")
    if not evidence.is_watched:
        yield _at_least("users", evidence.canary.outcomes.users, limits.min_users, what="users met it")
    if evidence.is_compared:
        others = evidence.champion.counts.requests
        yield _at_least("champion_requests", others, limits.min_requests, what="requests answered by the champion")


def _bake(seconds: float, needed: float) -> Finding:
    outcome: Outcome = "pass" if seconds >= needed else "insufficient"
    reason = f"It has been there for {seconds:,.0f} s of {needed:,.0f} s."
    return Finding("bake", outcome, reason, {"measured": seconds, "limit": needed})


def _at_least(gate: str, number: int, needed: int, *, what: str) -> Finding:
    outcome: Outcome = "pass" if number >= needed else "insufficient"
    reason = f"{number:,} {what}; {needed:,} are needed."
    return Finding(gate, outcome, reason, {"measured": float(number), "limit": float(needed)})


def _split(evidence: StageEvidence) -> Iterator[Finding]:
    """Whether users fell into the arms as they should; if not, the arms cannot be compared."""
    met, others = evidence.canary.outcomes.users, evidence.champion.outcomes.users
    if not evidence.is_compared:
        return
    found = sequential.split_evidence(met, met + others, evidence.share)
    numbers = {
        "measured": met / (met + others) if met + others else 0.0,
        "limit": evidence.share,
        "p_value": sequential.chi_square(met, met + others, evidence.share),
        **_strength(found, "split"),
    }
    reason = f"{met:,} of {met + others:,} users met it, where {evidence.share:.0%} should."
    yield Finding("split", "fail" if _is_proof(found, "split") else "pass", reason, numbers)


def _failures(evidence: StageEvidence, limits: Limits) -> Iterator[Finding]:
    """Requests that failed, and answers that were not those we wanted to give."""
    ours, theirs = evidence.canary.counts, evidence.reference.counts
    if evidence.is_compared:
        yield _rise("errors", ours, theirs, most=limits.max_error_rise)
        yield _rise("degraded", _degraded(ours), _degraded(theirs), most=limits.max_degraded_rise)
        return
    known = sequential.upper_share(theirs.errors, theirs.requests) + limits.max_error_rise
    yield _share_at_most("errors", ours, known if theirs.requests else limits.max_errors, what="requests failed")


def _degraded(counts: ArmCounts) -> ArmCounts:
    return ArmCounts(counts.requests, counts.degraded)


def _rise(gate: str, ours: ArmCounts, theirs: ArmCounts, *, most: float) -> Finding:
    """Whether a share is larger than the champion's at the same time.

    If both fail equally often, a failure is ours as often as a request is; that is what the failures are tested for.
    """
    share, other = _share(ours), _share(theirs)
    requests = ours.requests + theirs.requests
    expected = ours.requests / requests if requests else 0.0
    # What goes wrong in a bad version rarely goes wrong elsewhere: nearly all of the failures are its own.
    found = sequential.excess_evidence(ours.errors, ours.errors + theirs.errors, expected, slope=2.0)
    what = "failed" if gate == "errors" else "got a degraded answer"
    reason = (
        f"{share:.2%} of {ours.requests:,} requests {what}, {other:.2%} of the champion's {theirs.requests:,}; "
        f"at most {most:.2%} more may."
    )
    numbers = {"measured": share, "limit": other + most, "champion": other, **_strength(found, gate)}
    is_breach = theirs.requests > 0 and _is_proof(found, gate)
    return Finding(gate, _outcome(ours, is_breach, is_over=share - other > most), reason, numbers)


def _share_at_most(gate: str, ours: ArmCounts, most: float, *, what: str) -> Finding:
    """Whether a share is larger than a number."""
    share = _share(ours)
    found = sequential.excess_evidence(ours.errors, ours.requests, most)
    reason = f"{share:.2%} of {ours.requests:,} {what}; at most {most:.2%} may."
    numbers = {"measured": share, "limit": most, **_strength(found, gate)}
    return Finding(gate, _outcome(ours, _is_proof(found, gate), is_over=share > most), reason, numbers)


def _latency(evidence: StageEvidence, limits: Limits, share: float) -> Finding:
    ours, theirs = evidence.canary.counts, evidence.reference.counts
    is_known = theirs.requests > 0
    most = _slowest(theirs.latencies, limits, share) if is_known else limits.max_latency_seconds
    return _slow(f"latency_p{share * 100:.0f}", ours.latencies, share, most=most)


def _slowest(theirs: Buckets, limits: Limits, share: float) -> float:
    """What a slow request may take: so many times what the champion's takes, at most, and a budget."""
    number = sum(theirs)
    spread = 2 * (share * (1 - share) / number) ** 0.5
    return quantile(theirs, min(share + spread, 1.0)) * limits.latency_ratio + limits.latency_budget_seconds


def _slow(gate: str, ours: Buckets, share: float, *, most: float) -> Finding:
    """Whether more requests are slow than may be; only buckets that lie above the limit as a whole count."""
    number, place = sum(ours), bucket_of(most)
    slow = sum(ours[place + 1 :])
    found = sequential.excess_evidence(slow, number, 1 - share)
    measured = quantile(ours, share) if number else 0.0
    reason = (
        f"{share:.0%} of {number:,} requests took at most {measured * 1_000:,.0f} ms; {most * 1_000:,.0f} ms may be, "
        f"and {slow:,} took longer."
    )
    numbers = {"measured": measured, "limit": most, **_strength(found, "latency")}
    is_over = measured > LATENCY_BOUNDS[min(place, len(LATENCY_BOUNDS) - 1)]
    outcome = _outcome(ArmCounts(number), _is_proof(found, "latency"), is_over=is_over)
    return Finding(gate, outcome, reason, numbers)


def _clicks(evidence: StageEvidence, limits: Limits) -> Iterator[Finding]:
    """Whether the lists are clicked less often, relative to the champion's."""
    if limits.clicks == "ignored":
        return
    ours, theirs = evidence.canary.outcomes, evidence.reference.outcomes
    if not ours.lists or theirs.clicked < MIN_CLICKS:
        reason = (
            f"{ours.lists:,} lists and {theirs.clicked:,} of the champion's that were clicked say nothing of clicks; "
            "send events with their recommendation_id, or set rollout.clicks to ignored."
        )
        if not evidence.is_watched:
            yield Finding("clicks", "insufficient", reason)
        return
    yield _drop(evidence, limits)


def _drop(evidence: StageEvidence, limits: Limits) -> Finding:
    ours, theirs = evidence.canary.outcomes, evidence.reference.outcomes
    pooled = (ours.clicked + theirs.clicked) / (ours.lists + theirs.lists)
    variance = pooled * (1 - pooled) * (1 / ours.lists + 1 / theirs.lists) * evidence.spread
    # Drops of a third are what must be found soon; smaller ones are found later.
    found = sequential.drop_evidence(ours.ctr - theirs.ctr, variance, theirs.ctr / 3)
    most = limits.max_ctr_drop * (1 if evidence.is_compared else NOT_AT_ONCE)
    drop = 1 - ours.ctr / theirs.ctr
    when = "the champion's" if evidence.is_compared else "the champion's before"
    reason = (
        f"{ours.ctr:.2%} of {ours.lists:,} lists were clicked, {theirs.ctr:.2%} of {when} {theirs.lists:,}: "
        f"{drop:+.1%} less, and {most:.0%} less may be."
    )
    numbers = {"measured": ours.ctr, "limit": theirs.ctr * (1 - most), "drop": drop, "spread": evidence.spread}
    is_over, is_short = drop > most, ours.lists < limits.min_requests and not evidence.is_watched
    outcome = _outcome(ArmCounts(ours.lists), _is_proof(found, "clicks"), is_over=is_over)
    if outcome == "pass" and is_short:
        outcome = "insufficient"
    return Finding("clicks", outcome, reason, {**numbers, **_strength(found, "clicks")})


def _compared(evidence: ShadowEvidence, limits: Limits) -> Iterator[Finding]:
    counts = evidence.counts
    overlap, shift = counts.overlap / counts.answered, counts.score_shift / counts.answered
    is_proven = counts.answered >= limits.min_mirrored
    bad: Outcome = "fail" if is_proven else "insufficient"
    reason = f"Its lists share {overlap:.1%} with those that were given; at least {limits.min_overlap:.1%} must be."
    outcome = "pass" if overlap >= limits.min_overlap else bad
    yield Finding("overlap", outcome, reason, {"measured": overlap, "limit": limits.min_overlap})
    most = limits.max_score_shift
    if most is not None:
        reason = f"Its scores are off by {shift:.3g} on average; at most {most:.3g} may be."
        yield Finding("score_shift", "pass" if shift <= most else bad, reason, {"measured": shift, "limit": most})


def _shadow_latency(evidence: ShadowEvidence, limits: Limits) -> Finding:
    counts, share = evidence.counts, _SLOW[0]
    is_known = sum(counts.served_latencies) > 0
    most = _slowest(counts.served_latencies, limits, share) if is_known else limits.max_latency_seconds
    return _slow("latency_p95", counts.latencies, share, most=most)


def _share(counts: ArmCounts) -> float:
    return counts.errors / counts.requests if counts.requests else 0.0


def _outcome(ours: ArmCounts, is_proven: bool, *, is_over: bool) -> Outcome:
    if not is_over:
        return "pass"
    return "fail" if is_proven and ours.requests >= BREACH_REQUESTS else "insufficient"


def _is_proof(e_value: float, check: str) -> bool:
    return e_value >= 1 / ALPHAS[check]


def _strength(e_value: float, check: str) -> dict[str, float]:
    return {"e_value": e_value, "e_limit": 1 / ALPHAS[check]}
