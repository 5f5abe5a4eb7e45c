"""Whether users get answers, right ones and soon."""

from __future__ import annotations

from tacit.monitoring import metrics as catalogue
from tacit.monitoring import overload_metrics as overload
from tacit.monitoring.alerting.author import Author, share
from tacit.monitoring.alerting.choices import AlertChoices, WorkloadLimits
from tacit.monitoring.alerting.recordings import failures, quantile
from tacit.monitoring.alerting.rules import AlertRule, Severity
from tacit.monitoring.alerting.series import JOB, number, risen, select


def service_alerts(choices: AlertChoices) -> tuple[AlertRule, ...]:
    """Every rule of answering."""
    author = Author(choices, "service")
    return (
        *_presence(author),
        _model(author),
        *(rule for workload in choices.workloads for rule in _errors(author, workload)),
        *_budget(author),
        *_latency(author),
        *_fallback(author),
        *_overload(author),
        *_processes(author),
    )


def _presence(author: Author) -> tuple[AlertRule, ...]:
    up, three = f'up{{job="{JOB}"}}', author.choices.scrape_seconds * 3
    window = f"[{round(three * 1_000) - 1}ms]"  # both its ends count: of three pauses' length, it could hold four looks
    return (
        author.alert(
            "TacitHealthCheckFailing",
            f"(max_over_time({up}{window}) == 0) and (count_over_time({up}{window}) >= 3)",
            says=(
                "{{ $labels.instance }} failed three checks in a row.",
                "Nothing answers on the port of metrics, so most likely nobody gets answers either.",
            ),
            runbook="tacit-down",
            threshold="3 checks in a row",
            severity="critical",
            concern="Presence",
        ),
        author.alert(
            "TacitDown",
            f"{up} == 0",
            says=(
                "{{ $labels.instance }} has been down for five minutes.",
                "The server is away: no lists are answered and no events are taken.",
            ),
            runbook="tacit-down",
            threshold="down for 5 minutes",
            severity="p0",
            held=300,
            concern="Presence",
        ),
    )


def _model(author: Author) -> AlertRule:
    return author.alert(
        "ModelNotLoaded",
        f"{select(catalogue.MODEL_LOADED)} == 0",
        says=(
            "No version is loaded on {{ $labels.instance }}.",
            "Nobody gets a list that rests on a model; health says `unhealthy`.",
        ),
        runbook="model-not-loaded",
        threshold="model_loaded is 0",
        severity="critical",
        held=30,
    )


def _errors(author: Author, workload: WorkloadLimits) -> tuple[AlertRule, ...]:
    ratio, limits = f"tacit:errors_{workload.name}:ratio5m", workload.error_rate
    said = "Requests of {} fail by our fault: {{{{ $value | humanizePercentage }}}} in five minutes."
    means = "Callers get 5xx where they should get an answer; a client that tries again makes more of them."
    least = f" of at least {author.choices.min_requests} requests in 5 minutes"

    def failing(name: str, limit: float, severity: Severity) -> AlertRule:
        return author.alert(
            name,
            f"{ratio} > {number(limit)}",
            says=(said.format(workload.name), means),
            runbook="error-rate",
            threshold=f"above {share(limit)}{least}",
            severity=severity,
            held=60,
            concern=f"ErrorRate-{workload.name}",
            workload=workload.name,
        )

    warned = failing("ErrorRateHigh", limits.warning, "warning")
    paged = failing("ErrorRateCritical", limits.critical, "critical")
    return (warned, paged, *_slowest(author, workload))


def _slowest(author: Author, workload: WorkloadLimits) -> tuple[AlertRule, ...]:
    if workload.p99 is None or workload.routes is None:
        return ()
    expr = quantile(0.99, f"=~{workload.routes}", author.choices.span(300))
    return (
        author.alert(
            "InferenceSlow",
            f"{expr} > {number(workload.p99)}",
            says=(
                f"One answer in a hundred of {workload.name} takes longer than {workload.p99:g} s.",
                "Inference is slower than what was promised of it.",
            ),
            runbook="latency",
            threshold=f"p99 above {workload.p99:g} s",
            held=120,
            workload=workload.name,
        ),
    )


def _budget(author: Author) -> tuple[AlertRule, ...]:
    allowed = 1 - author.choices.availability

    def burning(name: str, pace: float, windows: tuple[str, str], *, held: float, page: bool) -> AlertRule:
        limit = number(round(allowed * pace, 10))
        long, short = (f"tacit:unavailability:ratio{each} > {limit}" for each in windows)
        return author.alert(
            name,
            f"{long} and {short}",
            says=(
                f"The budget of unavailability burns {pace:g} times too fast.",
                f"We promise {share(author.choices.availability)}; at this pace the month's budget is soon gone.",
            ),
            runbook="availability-budget",
            threshold=f"above {share(allowed * pace)} over {windows[0]} and over {windows[1]}",
            severity="critical" if page else "warning",
            held=held,
            concern="AvailabilityBudget",
        )

    return (
        burning("AvailabilityBudgetBurningFast", 14.4, ("1h", "5m"), held=120, page=True),
        burning("AvailabilityBudgetBurning", 6, ("6h", "30m"), held=900, page=True),
        burning("AvailabilityBudgetLeaking", 1, ("3d", "6h"), held=3_600, page=False),
        _at_low_traffic(author),
    )


def _at_low_traffic(author: Author) -> AlertRule:
    """Where too few ask for any share to tell, the failures themselves are counted over hours."""
    choices, workload = author.choices, author.choices.workloads[0]
    (failed, asked), (_, lately) = failures(choices, workload, 21_600), failures(choices, workload, 300)
    still, _ = failures(choices, workload, 3_600)
    limit, few = number(workload.error_rate.critical), choices.low_traffic_errors
    return author.alert(
        "ErrorsAtLowTraffic",
        f"({failed} >= {few}) and ({failed} / {asked} > {limit}) and ({lately} < {choices.min_requests})"
        f" and ({still} > 0)",
        says=(
            "{{ $value | humanize }} requests failed in six hours, with hardly any that did not.",
            "Few people ask, and those who do are failed; no rule about shares would notice.",
        ),
        runbook="error-rate",
        threshold=f"at low traffic {few} failures and more than {share(workload.error_rate.critical)} in 6 hours, "
        "one of them in the last",
        severity="critical",
    )


def _latency(author: Author) -> tuple[AlertRule, ...]:
    mean, p95 = author.choices.latency_avg, author.choices.latency_p95
    means = "Whoever waits so long gives up; a list that is due in 300 ms comes from a cheaper step of the chain."

    def slow(name: str, figure: str, limit: float, *, critical: bool) -> AlertRule:
        what = "Answers take" if figure == "mean" else "One answer in twenty takes"
        concern = "LatencyMean" if figure == "mean" else "LatencyTail"
        return author.alert(
            name,
            f"tacit:latency_seconds:{'mean5m' if figure == 'mean' else 'p95_5m'} > {number(limit)}",
            says=(f"{what} {{{{ $value | humanizeDuration }}}}{' on average' if figure == 'mean' else ''}.", means),
            runbook="latency",
            threshold=f"{figure} above {limit:g} s over 5 minutes",
            severity="critical" if critical else "warning",
            held=120,
            concern=concern,
        )

    return (
        slow("LatencyHigh", "mean", mean.warning, critical=False),
        slow("LatencyCritical", "mean", mean.critical, critical=True),
        slow("LatencyTailHigh", "p95", p95.warning, critical=False),
        slow("LatencyTailCritical", "p95", p95.critical, critical=True),
    )


def _fallback(author: Author) -> tuple[AlertRule, ...]:
    window = author.choices.span(300)
    given = risen(catalogue.RECOMMENDATIONS, window)
    degraded = f"{risen(catalogue.DEGRADED_ANSWERS, window)} / ({given} >= {author.choices.min_requests})"
    limits = author.choices.degraded_share

    def too_many(name: str, limit: float, *, critical: bool) -> AlertRule:
        return author.alert(
            name,
            f"{degraded} > {number(limit)}",
            says=(
                "{{ $value | humanizePercentage }} of the lists are not the ones we wanted to give.",
                "Users get lists, but from a lower step of the chain: popular instead of personal, or stale.",
            ),
            runbook="degraded-answers",
            threshold=f"above {share(limit)} of the lists in 5 minutes",
            severity="critical" if critical else "warning",
            held=60,
            concern="DegradedShare",
        )

    return (
        too_many("DegradedShareHigh", limits.warning, critical=False),
        too_many("DegradedShareCritical", limits.critical, critical=True),
        author.alert(
            "RetrieversFailing",
            f"sum by (source) (increase({select(catalogue.RETRIEVER_FAILURES, window)})) > 5",
            says=(
                "The step {{ $labels.source }} of the fallback chain failed {{ $value | humanize }} times.",
                "The next step answers instead, so that users see less fitting lists.",
            ),
            runbook="degraded-answers",
            threshold="more than 5 failures in 5 minutes",
        ),
    )


def _overload(author: Author) -> tuple[AlertRule, ...]:
    choices, window = author.choices, author.choices.span(300)
    return (
        author.alert(
            "RequestsShed",
            f"{risen(overload.SHED, window)} > {choices.shed_requests}",
            says=(
                "{{ $value | humanize }} requests were refused for want of room.",
                "More is asked than we can answer; what is missed least is refused first.",
            ),
            runbook="overload",
            threshold=f"more than {choices.shed_requests} in 5 minutes",
        ),
        author.alert(
            "DeadlinesMissed",
            f"{risen(overload.DEADLINES_MISSED, window)} > {choices.missed_deadlines}",
            says=(
                "{{ $value | humanize }} requests were given up at their deadline.",
                "Something that we wait for hangs, or the machine has too much to do.",
            ),
            runbook="overload",
            threshold=f"more than {choices.missed_deadlines} in 5 minutes",
        ),
    )


def _processes(author: Author) -> tuple[AlertRule, ...]:
    choices = author.choices
    buckets = select(f"{overload.LOOP_LAG.name}_bucket", choices.span(60))
    return (
        author.alert(
            "EventLoopLagging",
            f"histogram_quantile(0.99, sum by (le) (rate({buckets}))) > {number(choices.loop_lag)}",
            says=(
                "The event loop is {{ $value | humanizeDuration }} late.",
                "Something works where it should only wait, so that every request waits for it.",
            ),
            runbook="event-loop-lag",
            threshold=f"p99 above {choices.loop_lag:g} s over a minute",
            held=10,
        ),
        author.alert(
            "WorkersRestarting",
            f"{risen(catalogue.WORKER_RESTARTS, choices.span(600))} > {choices.worker_restarts}",
            says=(
                "Workers ended unasked {{ $value | humanize }} times in ten minutes.",
                "What ends them will end their successors: out of memory, a fault in the code, a bad version.",
            ),
            runbook="workers-restarting",
            threshold=f"more than {choices.worker_restarts} in 10 minutes",
            severity="critical",
        ),
    )
