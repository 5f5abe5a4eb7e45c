"""What goes wrong, and which alerts tell of it: for each of the catalogue, a cause that is made and taken back."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.alert_world import HEALTHY, PER_SECOND, World

Act = Callable[[World], object]


@dataclass(frozen=True)
class Cause:
    """Something that goes wrong.

    Attributes:
        said: What, for a person.
        expects: The alerts that must arrive.
        also: Those that may, because the same cause reaches their limits too.
        within: Seconds until they arrive; the scaled durations of their rules are part of it.
        over_within: Seconds until their end arrives, from when the cause is taken back.
        not_before: Age of the world, in seconds, from which there is enough history for it.
        lingers: Seconds after its end for which what it left in long windows may still be told.
    """

    said: str
    expects: tuple[str, ...]
    begin: Act
    end: Act
    also: tuple[str, ...] = ()
    within: float = 12.0
    over_within: float = 12.0
    not_before: float = 0.0
    lingers: float = 3.0


def so(**changed: Any) -> Act:
    """Traffic is so from now on."""

    def act(world: World) -> None:
        for name, value in changed.items():
            setattr(world, name, value)

    return act


def traffic(said: str, alert: str, *, also: tuple[str, ...] = (), within: float = 12.0, **changed: Any) -> Cause:
    """A cause in how traffic is; taken back, it is as usual."""
    usual = World.__dataclass_fields__
    return Cause(said, (alert,), so(**changed), so(**{each: usual[each].default for each in changed}), also, within)


def gauge(
    name: str, value: float, alert: str, *, also: tuple[str, ...] = (), well: float = 0.0, **labels: str
) -> Cause:
    """A figure that stands where it must not."""
    bad = partial(_set, name, value, labels)
    return Cause(f"{name} = {value:g}", (alert,), bad, partial(_set, name, HEALTHY.get(name, well), labels), also)


def burst(name: str, amount: int, alert: str, **labels: str) -> Cause:
    """So many at once, and no more: it is over when the rule's window is."""
    said = f"{name} + {amount}"
    return Cause(said, (alert,), lambda world: world.count(name, amount, **labels), lambda world: None)


def _set(name: str, value: float, labels: dict[str, str], world: World) -> None:
    world.gauge(name, value, **labels)


def _set_reader(turn: int, world: World) -> None:
    world.gauge("tacit_events_known_turn", turn)


def _stall(world: World) -> None:
    world.observe("tacit_event_loop_lag_seconds", 0.9, 50)


class _OpenFiles:
    """Nearly all files that this process may open."""

    def __init__(self) -> None:
        self._stack = ExitStack()

    def begin(self, world: World) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        for _ in range(500):
            self._stack.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/proc/self/fd").iterdir())) * 10 // 9, hard))

    def end(self, world: World) -> None:
        self._stack.close()


_BUDGET = ("AvailabilityBudgetBurningFast", "AvailabilityBudgetBurning", "AvailabilityBudgetLeaking")
_ERRORS = ("ErrorRateHigh", "ErrorRateCritical", "ErrorsAtLowTraffic", *_BUDGET)
_TAIL = ("LatencyHigh", "LatencyTailHigh", "LatencyTailCritical")
_FILES = _OpenFiles()


def lanes() -> list[list[Cause]]:
    """Causes that are made one after another; lanes go on side by side, and none touches another's figures."""
    return [*_traffic_lanes(), *_figure_lanes(), *_burst_lanes()]


def _traffic_lanes() -> list[list[Cause]]:
    """How requests and events come and go."""
    return [
        [
            Cause(
                "4 % of requests fail for hours",
                ("ErrorRateHigh", "AvailabilityBudgetLeaking"),
                so(errors=0.04),
                so(errors=0.0),
                within=45,
                over_within=45,
            ),
            Cause(
                "30 % of requests fail",
                ("ErrorRateCritical", "AvailabilityBudgetBurningFast", "AvailabilityBudgetBurning"),
                so(errors=0.3),
                so(errors=0.0),
                also=_ERRORS,
                within=20,
                over_within=30,
                lingers=25,
            ),
            traffic("9 times the traffic", "RequestVolumeHigh", rate=PER_SECOND * 9),
            Cause(
                "nearly nobody asks, and half of that fails",
                ("ErrorsAtLowTraffic",),
                so(rate=3.0, errors=0.5),
                so(rate=PER_SECOND, errors=0.0),
                also=(*_ERRORS, "AvailabilityBudgetLeaking"),
                within=35,
                lingers=25,
            ),
        ],
        [
            traffic("answers take 0.7 s", "LatencyHigh", also=_TAIL, seconds=0.7),
            traffic("one in ten takes 0.95 s", "LatencyTailHigh", slow=0.1, slow_seconds=0.95),
            traffic("one in ten takes 1.9 s", "LatencyTailCritical", also=_TAIL, slow=0.1, slow_seconds=1.9),
            traffic("answers take 4 s", "LatencyCritical", also=_TAIL, seconds=4.0),
        ],
        [
            traffic("10 % of lists are not what we wanted", "DegradedShareHigh", degraded=0.1),
            traffic("80 % of them", "DegradedShareCritical", also=("DegradedShareHigh",), degraded=0.8),
        ],
        [
            traffic("20 % of events are set aside", "QuarantineGrowing", quarantined=0.2),
            traffic("20 % of events are refused", "EventsRejected", rejected=0.2),
            traffic("no event was applied for ten days", "DataOld", data_age=864_000.0),
            Cause(
                "no events come any more", ("EventVolumeDropped",), so(events=0.0), so(events=PER_SECOND), not_before=95
            ),
        ],
    ]


def _figure_lanes() -> list[list[Cause]]:
    """What stands where it must not."""
    return [
        [
            gauge("tacit_model_age_seconds", 100 * 86_400, "ModelOld"),
            gauge("tacit_model_age_seconds", 400 * 86_400, "ModelVeryOld", also=("ModelOld",)),
            gauge("tacit_quality_live", 0.1, "QualityDropped", well=0.2, metric="precision@10"),
        ],
        [
            gauge("tacit_memory_ratio", 0.82, "MemoryHigh"),
            gauge("tacit_memory_ratio", 0.87, "MemoryCritical", also=("MemoryHigh",)),
            gauge("tacit_memory_ratio", 0.95, "MemoryExhausted", also=("MemoryHigh", "MemoryCritical")),
            Cause("500 files are open", ("OpenFilesHigh",), _FILES.begin, _FILES.end),
        ],
        [
            gauge("tacit_disk_free_ratio", 0.1, "DiskFilling"),
            gauge("tacit_disk_free_ratio", 0.02, "DiskNearlyFull", also=("DiskFilling",)),
            gauge("tacit_cpu_cores", 0.001, "CpuSaturated"),
        ],
        [_drift(0.4, 1, "DriftHigh"), _drift(0.7, 2, "DriftCallsForTraining")],
        [
            gauge("model_loaded", 0, "ModelNotLoaded"),
            gauge("tacit_event_balance", 3, "EventsUnaccounted", source="api"),
            gauge("tacit_event_lag", 5_000, "EventLagHigh"),
            Cause(
                "a reader is 9,000 events behind",
                ("ReadersBehind",),
                partial(_set_reader, 9_000),
                partial(_set_reader, 0),
            ),
        ],
        [
            gauge("tacit_jobs", 1, "JobFailed", kind="train", state="failed"),
            gauge("tacit_jobs", 1, "JobsWaiting", kind="train", state="queued"),
            gauge("tacit_job_last_success_age_seconds", 3e6, "JobOverdue", well=3_600, kind="train"),
        ],
    ]


def _burst_lanes() -> list[list[Cause]]:
    """What happens once."""
    return [
        [
            gauge("tacit_trail_broken", 1, "TrailBroken", trail="audit"),
            gauge("tacit_secret_age_seconds", 8e6, "SecretOld", well=86_400, setting="cache.redis_url"),
            gauge("tacit_breaker_open", 1, "BreakerOpen", dependency="events"),
            gauge("tacit_cache_reachable", 0, "CacheUnreachable"),
        ],
        [
            burst("tacit_retriever_failures_total", 40, "RetrieversFailing", source="personal"),
            burst("tacit_requests_shed_total", 40, "RequestsShed", priority="last"),
            burst("tacit_deadlines_missed_total", 40, "DeadlinesMissed", priority="lists"),
            Cause("the event loop stands still", ("EventLoopLagging",), _stall, lambda world: None),
        ],
        [
            burst("tacit_worker_restarts_total", 9, "WorkersRestarting"),
            burst("tacit_freshness_failures_total", 40, "FreshnessFailing"),
            burst("tacit_exposures_total", 5, "ExposuresDropped", outcome="dropped"),
            burst("tacit_limits_local_total", 5, "LimitsNotShared"),
            Cause(
                "the kernel ended a process",
                ("OutOfMemoryKill",),
                lambda world: world.gauge("tacit_oom_kills", 1),
                lambda world: None,
            ),
        ],
        [
            burst("tacit_rollout_aborts_total", 1, "RolloutAborted", reason="clicks"),
            burst("tacit_ab_ended_total", 1, "AbTestStopped", state="stopped"),
            burst("tacit_versions_refused_total", 1, "VersionRefused"),
        ],
        [
            burst("tacit_sign_ins_total", 400, "SignInAttack", result="refused"),
            burst("tacit_sign_ins_total", 1, "RefreshTokenReused", result="refresh_reused"),
            burst("tacit_abuse_patterns_total", 1, "AbusePattern", pattern="scraping"),
            burst("tacit_blocks_made_total", 40, "ManyCallersBlocked"),
            burst("tacit_accesses_total", 5, "AccessRowsDropped", outcome="dropped"),
        ],
    ]


def _drift(score: float, state: int, alert: str) -> Cause:
    def drift(to: tuple[float, int], world: World) -> None:
        world.gauge("tacit_drift_score", to[0], feature="popularity")
        world.gauge("tacit_drift_state", to[1], feature="popularity")

    return Cause(f"drift of {score:g}", (alert,), partial(drift, (score, state)), partial(drift, (0.0, 0)))
