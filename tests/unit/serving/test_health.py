"""Three words for how well we can answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tacit.data.events import LogState
from tacit.errors import Unavailable
from tacit.registry.versions import Manifest, Version
from tacit.serving.health import Health, HealthWatch, judge_health
from tacit.serving.model_pool import LoadedVersion, RefusedVersion
from tests.stages import small_model

REFUSED = RefusedVersion(4, "manifest_mismatch", "user_factors.npy: …")
LOST = Unavailable("database_busy", "…")


@pytest.fixture(scope="module")
def loaded() -> LoadedVersion:
    version = Version("recommender", 3, "d1" * 32, "pass", "2026-01-01", Path("3"))
    manifest = Manifest("recommender", 3, "recommender", "lastfm", "5eed", "c0de", {}, {}, {}, {}, "2026-01-01")
    return LoadedVersion(version, manifest, small_model(), 0.0)


@pytest.mark.requirement("SERV-002")
@pytest.mark.parametrize(
    ("refused", "lost", "memory", "status", "reasons"),
    [
        (None, None, 0.5, "healthy", 0),
        (None, None, None, "healthy", 0),
        (None, None, 0.9, "healthy", 0),
        (None, None, 0.91, "degraded", 1),
        (REFUSED, None, 0.5, "degraded", 1),
        (REFUSED, LOST, 0.95, "degraded", 3),
    ],
)
def test_what_should_be_looked_at_makes_us_degraded_and_is_named(
    loaded: LoadedVersion,
    refused: RefusedVersion | None,
    lost: Unavailable | None,
    memory: float | None,
    status: str,
    reasons: int,
) -> None:
    judged = judge_health(loaded, refused, lost, memory_share=memory)

    assert (judged.status, judged.model_loaded, len(judged.reasons)) == (status, True, reasons)


def test_without_a_model_we_are_unhealthy_whatever_else_holds() -> None:
    assert judge_health(None, None, None).status == "unhealthy"
    assert judge_health(None, REFUSED, LOST, memory_share=0.99).status == "unhealthy"


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        (LogState(refusal="storage_full"), "events are not taken (storage_full)"),
        (LogState(refusal="storage_unavailable"), "events are not taken (storage_unavailable)"),
        (LogState(lag=None, hindrance="database_busy"), "events wait to be applied (database_busy)"),
        (LogState(lag=10_001), "10,001 events wait to be applied"),
        (LogState(lag=10_000), None),
        (LogState(is_space_low=True), "the disk is nearly full"),
    ],
)
def test_events_that_are_stuck_make_us_degraded_and_never_worse(
    loaded: LoadedVersion, events: LogState, reason: str | None
) -> None:
    judged = judge_health(loaded, None, None, events=events)

    assert (judged.status, judged.reasons) == (("degraded", (reason,)) if reason else ("healthy", ()))


WELL = Health("healthy", model_loaded=True, reasons=())
ILL = Health("unhealthy", model_loaded=False, reasons=("no model is loaded",))
POOR = Health("degraded", model_loaded=True, reasons=("95% of the memory is in use",))


@pytest.mark.requirement("SERV-002")
@pytest.mark.parametrize(
    ("checks", "called"),
    [
        ([WELL, ILL, ILL, ILL, ILL], ["healthy", "degraded", "degraded", "unhealthy", "unhealthy"]),
        ([POOR, ILL, ILL, WELL, ILL, ILL], ["degraded", "degraded", "degraded", "healthy", "degraded", "degraded"]),
        ([ILL, WELL, POOR], ["unhealthy", "healthy", "degraded"]),
    ],
)
def test_whoever_was_well_is_unhealthy_at_the_third_failing_check_in_a_row(
    checks: list[Health], called: list[str]
) -> None:
    watch = HealthWatch(fail_after=3)
    told = [watch.called(each) for each in checks]

    assert [each.status for each in told] == called
    assert [each.reasons for each in told] == [each.reasons for each in checks]
