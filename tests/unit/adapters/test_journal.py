"""Each thing that happens while serving is one line of the log, which names what it is about."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from tacit.adapters.journal import log_serving_event
from tacit.rollout.traffic import Arm, Place, Shadow, Split, TrafficPlan
from tacit.serving.events import (
    ArmFailed,
    CountsUnkept,
    RegistryLost,
    RetrieverFailed,
    ServingEvent,
    TrafficLost,
    TrafficRouted,
    VersionLoaded,
    VersionRefused,
)

ERROR = RuntimeError("it failed")
PLAN = TrafficPlan(
    3, Split("rollout-1", "canary-5", (Arm("canary", 0.05, 2), Arm("champion", 0.95))), Shadow("rollout-2", 4)
)
LINES: list[tuple[ServingEvent, str, dict[str, object]]] = [
    (VersionLoaded("recommender/2", "recommender/1", 0.5), "version_loaded", {"replaced": "recommender/1"}),
    (VersionRefused("recommender/2", "check_failed", "…", None), "version_refused", {"code": "check_failed"}),
    (RegistryLost("database_timeout", "…"), "registry_lost", {"code": "database_timeout"}),
    (RetrieverFailed("personal", "recommender/2", ERROR), "retriever_failed", {"source": "personal"}),
    (ArmFailed("recommender/2", Place("rollout-1", "canary-5", "canary"), ERROR), "arm_failed", {"arm": "canary"}),
    (TrafficRouted(PLAN), "traffic_routed", {"split": "rollout-1/canary-5", "shadow": 4, "revision": 3}),
    (TrafficRouted(TrafficPlan()), "traffic_routed", {"split": None, "arms": {}, "shadow": None}),
    (TrafficLost("database_timeout", "…"), "traffic_lost", {"code": "database_timeout"}),
    (CountsUnkept("database_timeout", "…"), "arm_counts_unkept", {"code": "database_timeout"}),
]


@pytest.mark.parametrize(("event", "name", "facts"), LINES)
def test_an_event_is_one_line_that_names_it(event: ServingEvent, name: str, facts: dict[str, object]) -> None:
    with capture_logs() as lines:
        log_serving_event(event)

    assert [line["event"] for line in lines] == [name]
    assert facts.items() <= lines[0].items()
