"""What the interface's own description allows, and what it forbids, sent by the thousand: no failure of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.integration.test_http_events import platform
from tests.stages import stage

# The server is in this process, and its threads may draw while a request is made up.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the .random. module inside strategies")

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """A platform with a champion, as it is served."""
    home = tmp_path_factory.mktemp("home")
    with stage(home) as made:
        made.release()
    with platform(home) as running:
        yield running.client


def asked(client: httpx2.Client, examples: int) -> int:
    """Send so many requests to every operation, half of them as described and half not; how many were answered."""
    described = schemathesis.openapi.from_url(str(client.base_url.join("/openapi.json")))
    answered = 0
    for found in described.get_all_operations():
        for mode in GenerationMode:

            @settings(max_examples=examples // 2, deadline=None, derandomize=True, suppress_health_check=QUIET)
            @given(case=found.ok().as_strategy(generation_mode=mode))
            def ask(case: schemathesis.Case) -> None:
                nonlocal answered
                case.call_and_validate(checks=CHECKS)
                answered += 1

            # What takes nothing cannot be asked wrongly.
            with suppress(*([Unsatisfiable] if mode is GenerationMode.NEGATIVE else [])):
                ask()
    return answered


def test_what_operators_do_is_among_what_is_asked(client: httpx2.Client) -> None:
    described = {path.split("/")[3] for path in client.get("/openapi.json").json()["paths"] if path.startswith("/api/")}

    assert described >= {"ab", "events", "experiments", "models", "outcomes", "rollouts", "training"}


def test_what_is_described_is_answered_as_it_is_described(client: httpx2.Client) -> None:
    assert asked(client, 2) > 0


@pytest.mark.slow
def test_thousands_of_requests_meet_no_failure_of_ours(client: httpx2.Client) -> None:
    answered = asked(client, 400)

    print(f"{answered:,} requests, no failure of ours")
    assert answered >= 2_000
