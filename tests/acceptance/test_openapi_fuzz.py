"""What the interface's own description allows, and what it forbids, sent by the thousand: no failure of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

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

from tacit.bootstrap import build, load_settings, serving
from tacit.entrypoints.api.callers import identified
from tacit.entrypoints.api.gatehouse import checkpoints_of
from tacit.entrypoints.api.operations import further_routes
from tacit.security.key_wishes import wish_of
from tests.apis import api_of
from tests.integration.test_http_events import platform
from tests.stages import listening, stage

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


@dataclass(frozen=True)
class Guarded:
    """A platform where everybody must say who they are, and what one says who may do everything."""

    client: httpx2.Client
    admin: dict[str, str]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    home = tmp_path_factory.mktemp("guarded")
    with stage(home) as made:
        made.release()
    # Nobody is to be answered for asking often: that would hide how they are answered for what they ask.
    freely = {"authenticated_per_minute": 10**6, "anonymous_per_minute": 10**6, "block_after": 0}
    limits = {f"limits.{name}": value for name, value in freely.items()}
    chosen = {"home": home, "als.engine": "numpy", "auth.mode": "required", **limits}
    with ExitStack() as stack:
        app = stack.enter_context(build(load_settings(flags=chosen, environ={})))
        parts = stack.enter_context(serving(app))
        callers = stack.enter_context(identified(app))
        routers, checkpoints = further_routes(app, parts), checkpoints_of(app, parts, callers)
        api = api_of(parts, quarantine=app.quarantine, extra_routers=routers, checkpoints=checkpoints)
        client = stack.enter_context(listening(api))
        desk = app.keys.desk
        key = desk.create(wish_of({"name": "fuzz", "role": "admin"}, now_ms=desk.now_ms()), actor="ann").text
        app.keys.ring.refresh()
        yield Guarded(client, {"Authorization": f"Bearer {key}"})


def both(number: int) -> tuple[GenerationMode, ...]:
    return tuple(GenerationMode)


def some_in_turn(number: int) -> tuple[GenerationMode, ...]:
    """One mode of every fifth operation: to make up what may be sent to one takes longer than to send it."""
    return () if number % 5 else (tuple(GenerationMode)[number % 2],)


def asked(
    client: httpx2.Client,
    examples: int,
    *,
    modes: Callable[[int], tuple[GenerationMode, ...]] = both,
    reading: dict[str, str] | None = None,
    said: dict[str, str] | None = None,
    checks: list[Any] | None = None,
) -> int:
    """Send so many requests to every operation in each of its modes; how many were answered.

    Args:
        client: Where to.
        examples: Requests in each mode.
        modes: As described, or not: of an operation by its number.
        reading: Headers by which the description is fetched.
        said: Headers of each request.
        checks: What every answer must be.
    """
    described = schemathesis.openapi.from_url(str(client.base_url.join("/openapi.json")), headers=reading or {})
    answered = 0
    for number, found in enumerate(described.get_all_operations()):
        for mode in modes(number):

            @settings(max_examples=examples, deadline=None, derandomize=True, suppress_health_check=QUIET)
            @given(case=found.ok().as_strategy(generation_mode=mode))
            def ask(case: schemathesis.Case) -> None:
                nonlocal answered
                case.call_and_validate(checks=CHECKS if checks is None else checks, headers=said)
                answered += 1

            # What takes nothing cannot be asked wrongly.
            with suppress(*([Unsatisfiable] if mode is GenerationMode.NEGATIVE else [])):
                ask()
    return answered


def test_what_operators_do_is_among_what_is_asked(client: httpx2.Client) -> None:
    described = {path.split("/")[3] for path in client.get("/openapi.json").json()["paths"] if path.startswith("/api/")}

    assert described >= {"ab", "events", "experiments", "models", "outcomes", "rollouts", "training"}


def test_what_is_described_of_some_operations_is_answered_as_it_is_described(client: httpx2.Client) -> None:
    assert asked(client, 1, modes=some_in_turn) > 0


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_thousands_of_requests_meet_no_failure_of_ours(client: httpx2.Client) -> None:
    answered = asked(client, 75)

    print(f"{answered:,} requests where nobody is asked for a key: no failure of ours")
    assert answered >= 10_000


@pytest.mark.slow
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("who", ["with a key", "without one"])
def test_thousands_of_requests_where_a_key_is_demanded_meet_no_failure_of_ours(guarded: Guarded, who: str) -> None:
    said = guarded.admin if who == "with a key" else None

    answered = asked(guarded.client, 75, reading=guarded.admin, said=said, checks=[not_a_server_error])

    print(f"{answered:,} requests {who}: no failure of ours")
    assert answered >= 10_000
