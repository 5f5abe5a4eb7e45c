"""Whether the version that answers is still good, and whether a better one is on its way."""

from __future__ import annotations

from tacit.monitoring import metrics as catalogue
from tacit.monitoring import model_metrics as measured
from tacit.monitoring.alerting.author import Author, share
from tacit.monitoring.alerting.choices import DAY, AlertChoices
from tacit.monitoring.alerting.rules import AlertRule
from tacit.monitoring.alerting.series import number, risen, select


def model_alerts(choices: AlertChoices) -> tuple[AlertRule, ...]:
    """Every rule of versions, of what they rest on, and of the work that makes them."""
    author, rolling = Author(choices, "model"), Author(choices, "rollout")
    return (*_ages(author), *_quality(author), *_drift(author), *_jobs(author), *_releases(rolling))


def _ages(author: Author) -> tuple[AlertRule, ...]:
    days = author.choices.model_age_days

    def old(name: str, limit: float, *, critical: bool) -> AlertRule:
        return author.alert(
            name,
            f"{select(measured.MODEL_AGE)} > {number(limit * DAY)}",
            says=(
                "The version that answers was trained {{ $value | humanizeDuration }} ago.",
                "It knows neither new items nor what users have turned to since.",
            ),
            runbook="model-age",
            threshold=f"{limit:g} days",
            severity="critical" if critical else "warning",
            held=300,
            concern="ModelAge",
        )

    return old("ModelOld", days.warning, critical=False), old("ModelVeryOld", days.critical, critical=True)


def _quality(author: Author) -> tuple[AlertRule, ...]:
    choices, at_ten = author.choices, "precision@10"
    live = select(measured.QUALITY_LIVE, metric=at_ten)
    baseline = select(measured.QUALITY_BASELINE, metric=at_ten)
    dropped = author.alert(
        "QualityDropped",
        f"1 - {live} / ({baseline} > 0) > {number(choices.quality_drop)}",
        says=(
            "Precision@10 is {{ $value | humanizePercentage }} below what the version had when it was promoted.",
            "Fewer of the items that users are shown are such as they choose.",
        ),
        runbook="quality-drop",
        threshold=f"more than {share(choices.quality_drop)} below the hold-out score",
        severity="critical",
        held=60,
    )
    return (dropped, *_floors(author))


def _floors(author: Author) -> tuple[AlertRule, ...]:
    return tuple(
        author.alert(
            "AccuracyBelowFloor",
            f"{select(catalogue.MODEL_ACCURACY, metric='accuracy')} < {number(workload.accuracy_floor)}",
            says=(
                "Only {{ $value | humanizePercentage }} of the answers are right.",
                "Whoever relies on them is misled more often than was agreed.",
            ),
            runbook="quality-drop",
            threshold=f"below {share(workload.accuracy_floor)}",
            severity="critical",
            held=60,
            workload=workload.name,
        )
        for workload in author.choices.workloads
        if workload.accuracy_floor is not None
    )


def _drift(author: Author) -> tuple[AlertRule, ...]:
    score, state, limits = select("tacit_drift_score"), select("tacit_drift_state"), author.choices.drift
    means = "What users do is no longer what the version learnt from; its lists will fit them less and less."
    return (
        author.alert(
            "DriftHigh",
            f"({score} > {number(limits.warning)}) and ({state} == 1)",
            says=("{{ $labels.feature }} has drifted: {{ $value | humanize }} of 1.", means),
            runbook="drift",
            threshold=f"score above {limits.warning:g}, and beyond chance",
            held=60,
        ),
        author.alert(
            "DriftCallsForTraining",
            f"({score} > {number(limits.critical)}) and ({state} == 2)",
            says=(
                "{{ $labels.feature }} has drifted so far that a training was asked for: {{ $value | humanize }}.",
                means,
            ),
            runbook="drift",
            threshold=f"score above {limits.critical:g}, and beyond chance",
        ),
    )


def _jobs(author: Author) -> tuple[AlertRule, ...]:
    failed = select(catalogue.JOBS, state="failed")
    window = author.choices.span(3_600)
    rules = (
        author.alert(
            "JobFailed",
            f"{failed} - min_over_time({failed}[{window}]) > 0",
            says=(
                "{{ $value }} jobs of kind {{ $labels.kind }} failed within the hour.",
                "What it was to make is not there; the version that answers goes on answering.",
            ),
            runbook="job-failed",
            threshold="any within an hour",
        ),
        author.alert(
            "JobsWaiting",
            f"{select(catalogue.JOBS, state='queued')} > 0",
            says=(
                "A job of kind {{ $labels.kind }} has been waiting for an hour.",
                "Nobody runs it: no runner is there, or another job does not end.",
            ),
            runbook="job-failed",
            threshold="for an hour",
            held=3_600,
        ),
    )
    return (*rules, *_overdue(author))


def _overdue(author: Author) -> tuple[AlertRule, ...]:
    due = author.choices.job_overdue_seconds
    if not due:
        return ()
    late = (f"({select(catalogue.JOB_SUCCESS_AGE, kind=kind)} > {number(due[kind])})" for kind in sorted(due))
    told = ", ".join(f"{kind} {due[kind] / DAY:g} days" for kind in sorted(due))
    return (
        author.alert(
            "JobOverdue",
            " or ".join(late),
            says=(
                "{{ $labels.kind }} last succeeded {{ $value | humanizeDuration }} ago.",
                "What is done by itself has not been done: candidates, refits, searches or lists grow old.",
            ),
            runbook="job-overdue",
            threshold=f"twice the cadence: {told}",
            held=300,
        ),
    )


def _releases(author: Author) -> tuple[AlertRule, ...]:
    window = author.choices.span(3_600)
    aborts = select(catalogue.ROLLOUT_ABORTS, window, reason="!=person")
    return (
        author.alert(
            "RolloutAborted",
            f"sum by (reason) (increase({aborts})) > 0",
            says=(
                "A rollout was aborted because of {{ $labels.reason }}.",
                "Users are back with the champion; the candidate did harm, or could not be judged.",
            ),
            runbook="rollout-aborted",
            threshold="any within an hour, but those of persons",
        ),
        author.alert(
            "AbTestStopped",
            f"{risen(catalogue.AB_ENDED, window, state='stopped')} > 0",
            says=(
                "An A/B test was ended before its time.",
                "An arm did harm, or users were divided otherwise than planned; then nothing of it can be trusted.",
            ),
            runbook="ab-test-stopped",
            threshold="any within an hour",
        ),
        author.alert(
            "VersionRefused",
            f"{risen(catalogue.VERSIONS_REFUSED, author.choices.span(900))} > 0",
            says=(
                "A version was refused when it was to be loaded.",
                "It does not verify, load or answer; the version before it goes on answering.",
            ),
            runbook="version-refused",
            threshold="any within 15 minutes",
            severity="critical",
        ),
    )
