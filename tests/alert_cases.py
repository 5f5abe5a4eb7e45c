"""For each alert, what makes it fire and what only just does not: series as promtool takes them, chosen by hand.

Values are written as promtool reads them: `0+3x60` is 0, 3, 6 … sixty times on; one value for each `every`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

DAY = 86_400
Series = Mapping[str, str]


@dataclass(frozen=True)
class Case:
    """One alert, twice.

    Attributes:
        fires: Series with which it fires.
        silent: Series with which it only just stays silent all the while.
        at: When it is looked at.
        every: Between two samples.
        choices: Which choices of an installation the rule is made of.
        workload: Whose rule.
        also_silent: Further series with which it stays silent.
    """

    alert: str
    fires: Series
    silent: Series
    at: str = "10m"
    every: str = "10s"
    choices: Literal["usual", "multiple"] = "usual"
    workload: str = "recommender"
    also_silent: tuple[Series, ...] = field(default=())

    @property
    def evaluated(self) -> str:
        """The pause between two evaluations: as short as a test of minutes needs, since they are what it costs."""
        return {"10m": "30s", "20m": "1m"}.get(self.at, self.every)


def of(name: str, **labels: str) -> str:
    """A series of ours."""
    given = {"job": "tacit", "instance": "a:9000", **labels}
    matchers = ",".join(f'{key}="{value}"' for key, value in given.items())
    return f"{name}{{{matchers}}}"


def still(value: float) -> str:
    """Always the same."""
    return f"{value}+0x600"


def rising(step: float) -> str:
    """A counter that rises by so much from one sample to the next."""
    return f"0+{step}x600"


ONCE = "0+0x40 1+0x600"
"""A counter that rises once, well after it was first seen."""
LATE = "1+0x2 0+0x600"
"""Something that holds for twenty seconds."""


def gauge(alert: str, name: str, fires: float, silent: float, **labels: str) -> Case:
    """An alert on where a gauge stands."""
    return Case(alert, {of(name, **labels): still(fires)}, {of(name, **labels): still(silent)})


def counted(alert: str, name: str, fires: float, silent: float, *, at: str = "10m", **labels: str) -> Case:
    """An alert on how fast a counter rises."""
    return Case(alert, {of(name, **labels): rising(fires)}, {of(name, **labels): rising(silent)}, at=at)


def happened(alert: str, name: str, silent: Mapping[str, str] | None = None, **labels: str) -> Case:
    """An alert on anything of a kind happening; `silent` are labels of what may happen."""
    other = {of(name, **silent): ONCE} if silent is not None else {}
    return Case(alert, {of(name, **labels): ONCE}, {of(name, **labels): still(0), **other})


def asked(failing: float, *, of_total: float = 1_000, status: str = "200") -> dict[str, str]:
    """Requests, and how many of them failed by our fault, a step."""
    return {
        of("http_requests_total", method="GET", route="/api/v1/popular", status=status): rising(of_total),
        of("api_errors_total", kind="unexpected"): rising(failing),
        of("up"): still(1),
    }


def seen(failing: float) -> dict[str, str]:
    """The same on the routes of vision."""
    route = {"method": "POST", "route": "/api/v1/vision/classify"}
    return {
        of("http_requests_total", status="200", **route): rising(1_000 - failing),
        of("http_requests_total", status="503", **route): rising(failing),
    }


def timed(route: str, **below: float) -> dict[str, str]:
    """A hundred answers a step, so many of them within so many seconds (`s0_8` is 0.8)."""
    name = "http_request_duration_seconds_bucket"
    bounds = {bound.removeprefix("s").replace("_", "."): count for bound, count in below.items()}
    return {
        of(name, method="GET", route=route, le=bound): rising(count) for bound, count in {**bounds, "+Inf": 100}.items()
    }


def took(mean: float) -> dict[str, str]:
    """Answers that take so long on average."""
    labels = {"method": "GET", "route": "/api/v1/users/{user_id}/recommendations"}
    name = "http_request_duration_seconds"
    return {of(f"{name}_sum", **labels): rising(mean * 100), of(f"{name}_count", **labels): rising(100)}


def lists(degraded: float) -> dict[str, str]:
    """A thousand lists a step, so many of them degraded."""
    return {
        of("recommendations_total", source="personal"): rising(1_000),
        of("tacit_degraded_answers_total", source="popular"): rising(degraded),
    }


def events(outcome: str, count: float, *, of_total: float = 100) -> dict[str, str]:
    """Events a step, so many of them with an outcome."""
    return {
        of("tacit_events_total", source="api", outcome="received"): rising(of_total),
        of("tacit_events_total", source="api", outcome=outcome): rising(count),
    }


def turns(behind: int) -> dict[str, str]:
    """Two processes, one so far behind the other."""
    name = "tacit_events_known_turn"
    return {of(name, worker="0"): still(5_000), of(name, worker="1"): still(5_000 - behind)}


def drifted(score: float, state: int) -> dict[str, str]:
    """How far a feature has drifted, and what is made of it."""
    return {
        of("tacit_drift_score", feature="genres"): still(score),
        of("tacit_drift_state", feature="genres"): still(state),
    }


def loop(late: float) -> dict[str, str]:
    """A hundred looks of the event loop a step, so many of them later than 0.25 s."""
    name = "tacit_event_loop_lag_seconds_bucket"
    return {
        of(name, le="0.25"): rising(100 - late),
        of(name, le="0.5"): rising(100),
        of(name, le="+Inf"): rising(100),
    }


SERVICE = (
    Case(
        "TacitHealthCheckFailing",
        {of("up"): "1 1 1 0 0 0"},
        {of("up"): "1 0 0 1 0 0"},
        at="50s",
    ),
    Case("TacitDown", {of("up"): "1 0+0x60"}, {of("up"): "1 0+0x29 1+0x60"}),
    Case("ModelNotLoaded", {of("model_loaded"): still(0)}, {of("model_loaded"): "0 0 0 1+0x60"}, at="1m"),
    Case(
        "ErrorRateHigh",
        asked(10.1),
        asked(9.9),
        # One of three requests is no incident.
        also_silent=(
            asked(0.21, of_total=0.63),
            asked(500, status="404") | {of("api_errors_total", kind="unexpected"): still(0)},
        ),
    ),
    Case("ErrorRateCritical", asked(50.5), asked(49.5)),
    Case("ErrorRateHigh", seen(50.5), seen(49.5), workload="vision"),
    Case("ErrorRateCritical", seen(100.5), seen(99.5), workload="vision"),
    Case(
        "InferenceSlow",
        timed("/api/v1/vision/classify", s0_5=98.9, s0_8=100),
        timed("/api/v1/vision/classify", s0_5=99.1, s0_8=100),
        workload="vision",
        also_silent=(timed("/api/v1/popular", s0_5=0, s0_8=100),),
    ),
    Case(
        "AvailabilityBudgetBurningFast",
        asked(145),
        asked(143),
        # A moment's failures, however many, use up little of an hour.
        also_silent=(asked(0) | {of("api_errors_total", kind="unexpected"): "0+0x50 0+500x3 1500+0x300"},),
        at="1h",
        every="1m",
    ),
    Case("AvailabilityBudgetBurning", asked(61), asked(59), at="30m", every="1m"),
    Case("AvailabilityBudgetLeaking", asked(10.1), asked(9.9), at="90m", every="1m"),
    Case(
        "ErrorsAtLowTraffic",
        asked(0.05, of_total=0.1),
        asked(0.0405, of_total=0.1),
        at="2h",
        every="1m",
        also_silent=(asked(0.05, of_total=2), asked(0, of_total=0.1)),
    ),
    Case("LatencyHigh", took(0.505), took(0.495)),
    Case("LatencyCritical", took(2.02), took(1.98)),
    Case(
        "LatencyTailHigh",
        timed("/api/v1/popular", s0_5=0, s0_8=94.9, s1_0=100),
        timed("/api/v1/popular", s0_5=0, s0_8=95.1, s1_0=100),
        # Whoever watches a stream for an hour waits for nothing.
        also_silent=(timed("/api/v1/recommendations/bulk", s0_8=0, s1_0=0),),
    ),
    Case(
        "LatencyTailCritical",
        timed("/api/v1/popular", s0_8=0, s1_0=94.9, s2_0=100),
        timed("/api/v1/popular", s0_8=0, s1_0=95.1, s2_0=100),
    ),
    Case("DegradedShareHigh", lists(50.5), lists(49.5)),
    Case("DegradedShareCritical", lists(505), lists(495)),
    counted("RetrieversFailing", "tacit_retriever_failures_total", 0.17, 0.16, source="personal"),
    counted("RequestsShed", "tacit_requests_shed_total", 0.34, 0.33, priority="lists"),
    counted("DeadlinesMissed", "tacit_deadlines_missed_total", 0.17, 0.16, priority="lists"),
    Case("EventLoopLagging", loop(1.1), loop(0.9), at="2m"),
    counted("WorkersRestarting", "tacit_worker_restarts_total", 0.051, 0.049, at="12m"),
)

DATA = (
    Case("EventsUnaccounted", {of("tacit_event_balance", source="api"): still(-1)},
         {of("tacit_event_balance", source="api"): LATE}, at="1m"),
    Case("QuarantineGrowing", events("quarantined", 5.1), events("quarantined", 4.9), at="20m",
         also_silent=(events("quarantined", 0.21, of_total=0.3),)),
    Case("EventsRejected", events("rejected", 5.1), events("rejected", 4.9), at="20m",
         also_silent=(events("rejected", 0.21, of_total=0.3),)),
    gauge("EventLagHigh", "tacit_event_lag", 1_001, 1_000),
    Case("ReadersBehind", turns(1_001), turns(1_000)),
    counted("FreshnessFailing", "tacit_freshness_failures_total", 0.34, 0.33),
    Case(
        "EventVolumeDropped",
        {of("tacit_events_total", source="api", outcome="received"): "0+300x288 86429+29x60"},
        {of("tacit_events_total", source="api", outcome="received"): "0+300x288 86431+31x60"},
        at="25h30m",
        every="5m",
        # A first day without any is no drop.
        also_silent=({of("tacit_events_total", source="api", outcome="received"): still(0)},),
    ),
    Case(
        "DataOld",
        {of("tacit_last_event_applied_timestamp_seconds"): still(100)},
        {of("tacit_last_event_applied_timestamp_seconds"): still(8_000)},
        at="170h",
        every="1h",
        also_silent=({of("tacit_last_event_applied_timestamp_seconds"): still(0)},),
    ),
    happened("ExposuresDropped", "tacit_exposures_total", {"outcome": "written"}, outcome="dropped"),
)  # fmt: skip

MODEL = (
    gauge("ModelOld", "tacit_model_age_seconds", 90 * DAY + 1, 90 * DAY),
    gauge("ModelVeryOld", "tacit_model_age_seconds", 365 * DAY + 1, 365 * DAY),
    Case(
        "QualityDropped",
        {
            of("tacit_quality_live", metric="precision@10"): still(0.0899),
            of("tacit_quality_baseline", metric="precision@10"): still(0.1),
        },
        {
            of("tacit_quality_live", metric="precision@10"): still(0.0901),
            of("tacit_quality_baseline", metric="precision@10"): still(0.1),
        },
        also_silent=(
            {
                of("tacit_quality_live", metric="precision@10"): "NaN+0x60",
                of("tacit_quality_baseline", metric="precision@10"): still(0.1),
            },
        ),
    ),
    Case("AccuracyBelowFloor", {of("ml_model_accuracy", metric="accuracy"): still(0.849)},
         {of("ml_model_accuracy", metric="accuracy"): still(0.85)}, workload="vision"),
    Case("DriftHigh", drifted(0.31, 1), drifted(0.3, 1), also_silent=(drifted(0.5, 0),)),
    Case("DriftCallsForTraining", drifted(0.61, 2), drifted(0.6, 2)),
    Case("JobFailed", {of("tacit_jobs", kind="train", state="failed"): "3+0x20 4+0x60"},
         {of("tacit_jobs", kind="train", state="failed"): still(3)}),
    Case("JobsWaiting", {of("tacit_jobs", kind="train", state="queued"): still(1)},
         {of("tacit_jobs", kind="train", state="queued"): "1+0x58 0 1+0x60"}, at="65m", every="1m"),
    gauge("JobOverdue", "tacit_job_last_success_age_seconds", 14 * DAY + 1, 14 * DAY, kind="train"),
    happened("RolloutAborted", "tacit_rollout_aborts_total", {"reason": "person"}, reason="errors"),
    happened("AbTestStopped", "tacit_ab_ended_total", {"state": "finished"}, state="stopped"),
    happened("VersionRefused", "tacit_versions_refused_total"),
)  # fmt: skip

SECURITY = (
    counted("SignInAttack", "tacit_sign_ins_total", 0.56, 0.55, at="20m", result="refused"),
    happened("RefreshTokenReused", "tacit_sign_ins_total", {"result": "refreshed"}, result="refresh_reused"),
    happened("AbusePattern", "tacit_abuse_patterns_total", pattern="scraping"),
    counted("ManyCallersBlocked", "tacit_blocks_made_total", 0.112, 0.11, at="20m"),
    gauge("TrailBroken", "tacit_trail_broken", 1, 0, trail="audit"),
    happened("AccessRowsDropped", "tacit_accesses_total", {"outcome": "written"}, outcome="dropped"),
    gauge("SecretOld", "tacit_secret_age_seconds", 90 * DAY + 1, 90 * DAY, setting="database_url"),
)

CAPACITY = (
    Case("RequestVolumeHigh", asked(0, of_total=16.8), asked(0, of_total=16.6)),
    Case(
        "RequestVolumeHigh",
        {of("http_requests_total", method="GET", route="/", status="200"): "0+100x150 15000+310x60"},
        {of("http_requests_total", method="GET", route="/", status="200"): "0+100x150 15000+280x60"},
        at="2h50m",
        every="1m",
        choices="multiple",
        # Three times next to nothing is still next to nothing.
        also_silent=({of("http_requests_total", method="GET", route="/", status="200"): "0+10x150 1500+90x60"},),
    ),
    gauge("MemoryHigh", "tacit_memory_ratio", 0.801, 0.8),
    gauge("MemoryCritical", "tacit_memory_ratio", 0.851, 0.85),
    gauge("MemoryExhausted", "tacit_memory_ratio", 0.901, 0.9),
    happened("OutOfMemoryKill", "tacit_oom_kills"),
    Case("CpuSaturated", {of("process_cpu_seconds_total"): rising(36.1), of("tacit_cpu_cores"): still(4)},
         {of("process_cpu_seconds_total"): rising(35.9), of("tacit_cpu_cores"): still(4)}, at="20m"),
    Case("OpenFilesHigh", {of("process_open_fds"): still(81), of("process_max_fds"): still(100)},
         {of("process_open_fds"): still(80), of("process_max_fds"): still(100)}),
    gauge("DiskFilling", "tacit_disk_free_ratio", 0.149, 0.15),
    gauge("DiskNearlyFull", "tacit_disk_free_ratio", 0.049, 0.05),
    Case("BreakerOpen", {of("tacit_breaker_open", dependency="events"): still(1)},
         {of("tacit_breaker_open", dependency="events"): "0+0x10 1+0x2 0+0x60"}),
    Case("CacheUnreachable", {of("tacit_cache_reachable"): still(0)}, {of("tacit_cache_reachable"): "0 0 0 1+0x60"}),
    happened("LimitsNotShared", "tacit_limits_local_total"),
)  # fmt: skip

_WATCHED: Series = {
    of("up"): still(1),
    of("api_errors_total", kind="unexpected"): still(0),
    of("tacit_event_lag"): still(0),
    of("tacit_event_balance", source="api"): still(0),
    of("recommendations_total", source="personal"): still(0),
}
WATCH = (
    Case("TargetMissing", {}, {of("up"): still(0)}),
    Case("MetricsMissing", _WATCHED, {**_WATCHED, of("model_loaded"): still(0)},
         # While nobody answers at all, that is what is to be told.
         also_silent=({of("up"): still(0)},)),
    Case("RuleFailing", {'prometheus_rule_evaluation_failures_total{job="prometheus",rule_group="x"}': ONCE},
         {'prometheus_rule_evaluation_failures_total{job="prometheus",rule_group="x"}': still(0)}),
    Case("ChannelDown", {'alertmanager_notifications_failed_total{job="alertmanager",integration="slack"}': ONCE},
         {'alertmanager_notifications_failed_total{job="alertmanager",integration="slack"}': still(0)}),
)  # fmt: skip

CASES: tuple[Case, ...] = (*SERVICE, *DATA, *MODEL, *SECURITY, *CAPACITY, *WATCH)
NEVER_SILENT = frozenset({"DeadMansSwitch"})
"""What fires whatever happens; that its absence is noticed is shown where the real servers run."""
