"""Whether there is room for what is asked: requests, memory, processors, disk, and what we depend on."""

from __future__ import annotations

from tacit.monitoring import guard_metrics as guards
from tacit.monitoring import host_metrics as host
from tacit.monitoring import metrics as catalogue
from tacit.monitoring import overload_metrics as overload
from tacit.monitoring.alerting.author import Author, share
from tacit.monitoring.alerting.choices import DAY, AlertChoices
from tacit.monitoring.alerting.rules import AlertRule, Severity
from tacit.monitoring.alerting.series import PROBES, number, rate, risen, select


def capacity_alerts(choices: AlertChoices) -> tuple[AlertRule, ...]:
    """Every rule of room, and of what we lean on."""
    author = Author(choices, "capacity")
    return (_volume(author), *_memory(author), *_machine(author), *_disk(author), *_dependencies(author))


def _volume(author: Author) -> AlertRule:
    choices, usual = author.choices, author.choices.volume_per_minute
    now = f"{rate(catalogue.HTTP_REQUESTS, choices.span(60), route=f'!~{PROBES}')} * 60"
    expr, told = f"{now} > {number(usual)}", f"above {usual:g} a minute for 5 minutes"
    if choices.volume_multiple is not None:
        before = f"avg_over_time(tacit:requests_per_second:rate5m[{choices.span(DAY)}] offset {choices.span(1_800)})"
        expr = f"({expr}) and ({now} > {number(choices.volume_multiple)} * 60 * {before})"
        told = f"above {choices.volume_multiple:g} times the day's mean, and {told}"
    return author.alert(
        "RequestVolumeHigh",
        expr,
        says=(
            "{{ $value | humanize }} requests a minute come in.",
            "More is asked than usual; if it goes on rising, requests will be refused.",
        ),
        runbook="request-volume",
        threshold=told,
        held=300,
    )


def _memory(author: Author) -> tuple[AlertRule, ...]:
    in_use, killed = select(host.MEMORY_RATIO), select(host.OOM_KILLS)

    def above(name: str, limit: float, severity: Severity, *, then: str) -> AlertRule:
        return author.alert(
            name,
            f"{in_use} > {number(limit)}",
            says=("{{ $value | humanizePercentage }} of the memory is in use.", then),
            runbook="memory",
            threshold=f"above {share(limit)}",
            severity=severity,
            held=30,
            concern="Memory",
        )

    warn, critical, degraded = author.choices.memory
    return (
        above("MemoryHigh", warn, "warning", then="Nothing is given up yet; add memory, or another machine."),
        above("MemoryCritical", critical, "critical", then="Kept lists are given up, and jobs are refused."),
        above("MemoryExhausted", degraded, "p0", then="Only health, events and users' lists are answered."),
        author.alert(
            "OutOfMemoryKill",
            f"{killed} - min_over_time({select(host.OOM_KILLS, author.choices.span(600))}) > 0",
            says=(
                "The kernel ended {{ $value | humanize }} of our processes for want of memory.",
                "What a process was doing is lost; its successor needs as much memory.",
            ),
            runbook="memory",
            threshold="any within 10 minutes",
            severity="critical",
        ),
    )


def _machine(author: Author) -> tuple[AlertRule, ...]:
    choices = author.choices
    used = f"sum by (instance) (rate({select('process_cpu_seconds_total', choices.span(300))}))"
    files = f"{select('process_open_fds')} / {select('process_max_fds')}"
    return (
        author.alert(
            "CpuSaturated",
            f"{used} / on (instance) {select(host.CPU_CORES)} > {number(choices.cpu)}",
            says=(
                "{{ $value | humanizePercentage }} of the processors' time on {{ $labels.instance }} is ours.",
                "Answers wait for their turn, and become late before they become fewer.",
            ),
            runbook="cpu-saturated",
            threshold=f"above {share(choices.cpu)} for 10 minutes",
            held=600,
        ),
        author.alert(
            "OpenFilesHigh",
            f"{files} > {number(choices.open_files)}",
            says=(
                "{{ $value | humanizePercentage }} of the files that a process may open are open.",
                "At the limit no connection is taken and nothing is written.",
            ),
            runbook="open-files",
            threshold=f"above {share(choices.open_files)}",
            held=60,
        ),
    )


def _disk(author: Author) -> tuple[AlertRule, ...]:
    free = author.choices.disk_free

    def below(name: str, limit: float, *, critical: bool) -> AlertRule:
        return author.alert(
            name,
            f"{select(host.DISK_FREE)} < {number(limit)}",
            says=(
                "Only {{ $value | humanizePercentage }} of the home's disk is free.",
                "When it is full no event is taken any more; trainings are refused before that.",
            ),
            runbook="disk-space",
            threshold=f"below {share(limit)} free",
            severity="critical" if critical else "warning",
            held=30,
            concern="Disk",
        )

    return below("DiskFilling", free.warning, critical=False), below("DiskNearlyFull", free.critical, critical=True)


def _dependencies(author: Author) -> tuple[AlertRule, ...]:
    minute = author.choices.span(60)
    return (
        author.alert(
            "BreakerOpen",
            f"avg_over_time({select(overload.BREAKER_OPEN, minute)}) > 0.5",
            says=(
                "Calls to {{ $labels.dependency }} are spared the waiting.",
                "It fails or hangs; lists rest on what was known before, and degrade where that is not enough.",
            ),
            runbook="breaker-open",
            threshold="open for more than half of a minute",
            held=20,
        ),
        author.alert(
            "CacheUnreachable",
            f"{select(catalogue.CACHE_REACHABLE)} == 0",
            says=(
                "The shared cache does not answer.",
                "Every list is computed by the process that is asked; answers take longer, and none is lost.",
            ),
            runbook="cache-unreachable",
            threshold="for half a minute",
            held=30,
        ),
        author.alert(
            "LimitsNotShared",
            f"{risen(guards.LIMITS_LOCAL, author.choices.span(300))} > 0",
            says=(
                "{{ $value | humanize }} requests were counted by one process alone.",
                "Redis does not answer; each process allows its share of every limit until it does.",
            ),
            runbook="cache-unreachable",
            threshold="any within 5 minutes",
        ),
    )
