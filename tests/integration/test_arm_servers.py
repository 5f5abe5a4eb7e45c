"""A version that misbehaves in a server of its own: users meet no error, and the counts of its arm tell all of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from tacit.bootstrap import build, load_settings
from tacit.rollout.arm_traffic import ArmCounts, quantile
from tests.arm_servers import ArmServer, arm_server
from tests.arms import HALF, ROLLOUT, home_with_two_versions, split
from tests.faults.arm_server_child import Misbehaviour
from tests.plan_files import FileTrafficStore
from tests.stages import wait_until

pytestmark = pytest.mark.slow

USERS = [f"u{number:03}" for number in range(30)]
BAD = Misbehaviour(version=2, errors=0.3, delay_seconds=0.05, is_poor=True)


@dataclass(frozen=True)
class Seen:
    """What users saw of two processes, in one of which the canary misbehaves; and what both counted."""

    bad: dict[str, list[dict[str, Any]]]
    good: dict[str, list[dict[str, Any]]]
    counts: dict[str, ArmCounts]
    exposed: Counter[str]
    exit_codes: list[int]


def asked(server: ArmServer, times: int) -> dict[str, list[dict[str, Any]]]:
    """Each user's lists; any that does not come fails the test."""
    lists: dict[str, list[dict[str, Any]]] = {user_id: [] for user_id in USERS}
    with httpx2.Client(base_url=server.address, timeout=10) as client:
        # Whoever is in the canary's arm meets it once the process follows the plan.
        wait_until(lambda: "recommender/2" in {_list(client, user_id)["model_version"] for user_id in USERS[:8]})
        for _ in range(times):
            for user_id in USERS:
                lists[user_id].append(_list(client, user_id))
    return lists


def _list(client: httpx2.Client, user_id: str) -> dict[str, Any]:
    response = client.get(f"/api/v1/users/{user_id}/recommendations?limit=5")
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    folder = tmp_path_factory.mktemp("arms")
    home, plan = home_with_two_versions(folder / "home"), folder / "plan.json"
    FileTrafficStore(plan).set_split("recommender", split(), split_id=ROLLOUT)
    with arm_server(home, misbehaviour=BAD, plan=plan) as bad, arm_server(home, role="reader", plan=plan) as good:
        met = asked(bad, 2), asked(good, 1)
        exit_codes = [bad.end(), good.end()]
    with build(load_settings(flags={"home": home}, environ={})) as app:
        counts = dict(app.arm_traffic.counts(ROLLOUT, HALF))
        exposed = Counter(each.place.arm for each in app.exposures.recent(10_000) if each.place is not None)
    return Seen(*met, counts, exposed, exit_codes)


def test_where_the_canary_raises_the_champion_answers_and_each_time_is_counted_once(seen: Seen) -> None:
    answers = [answer for lists in seen.bad.values() for answer in lists]
    versions = Counter((answer["model_version"], answer["degraded"]) for answer in answers)
    stood_in = versions["recommender/1", True]

    assert set(versions) == {("recommender/1", False), ("recommender/1", True), ("recommender/2", False)}
    # The first few, by which was seen that the plan is followed, may have failed as well.
    assert stood_in <= seen.counts["canary"].errors <= stood_in + 8
    assert seen.counts["champion"].errors == 0


def test_the_counts_of_all_processes_add_up_to_what_was_asked(seen: Seen) -> None:
    asked_for = sum(len(lists) for lists in (*seen.bad.values(), *seen.good.values()))
    total = seen.counts["canary"] + seen.counts["champion"]

    assert seen.exit_codes == [0, 0]
    assert asked_for < total.requests <= asked_for + 16 * 8
    assert sum(total.latencies) == total.requests


def test_every_request_that_was_counted_left_an_exposure_with_its_arm(seen: Seen) -> None:
    assert seen.exposed == {arm: counts.requests for arm, counts in seen.counts.items()}


def test_a_slow_canary_is_told_by_its_latencies(seen: Seen) -> None:
    assert quantile(seen.counts["canary"].latencies, 0.75) >= BAD.delay_seconds
    assert quantile(seen.counts["champion"].latencies, 0.5) < BAD.delay_seconds


def test_the_lists_of_a_poor_canary_are_other_ones_than_it_learnt_to_give(seen: Seen) -> None:
    of_canary = [user_id for user_id in USERS if seen.good[user_id][0]["model_version"] == "recommender/2"]
    shared = 0
    for user_id in of_canary:
        own = {item["item_id"] for item in seen.good[user_id][0]["items"]}
        for answer in seen.bad[user_id]:
            if answer["model_version"] == "recommender/2":
                shared += len(own & {item["item_id"] for item in answer["items"]})

    assert len(of_canary) > 5
    assert shared == 0
