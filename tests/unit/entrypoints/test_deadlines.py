"""Deadlines of requests, the threads they wait for, and the other end's pace."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import nullcontext
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient

from tacit.adapters.memory import MemoryMetricSink
from tacit.entrypoints.api.checkpoints import BUDGET, PRIORITY, Scope
from tacit.entrypoints.api.deadlines import Deadline
from tacit.entrypoints.api.door import RequestDoor
from tacit.entrypoints.api.pace import Pace, PaceRules
from tacit.entrypoints.api.pools import Pool
from tacit.entrypoints.api.priorities import Priority
from tacit.errors import Unavailable
from tacit.serving.budgets import Budget, current_budget, spending
from tests.stages import wait_until


def pool(name: str, threads: int, bound: int) -> Pool:
    return Pool(name, threads=threads, bound=bound, keeping=lambda _: nullcontext())


def budget(seconds: float) -> Budget:
    return Budget(until=time.monotonic() + seconds)


async def never() -> dict[str, Any]:
    await asyncio.Event().wait()
    raise AssertionError


@pytest.mark.requirement("SERV-032")
def test_what_hangs_in_a_thread_is_given_up_at_the_deadline_while_the_thread_goes_on() -> None:
    release, ended = threading.Event(), threading.Event()

    def hang() -> None:
        release.wait(10)
        ended.set()

    async def ask() -> None:
        deadline = Deadline(budget(0.05), has_body=False)
        began = time.monotonic()
        missed = await deadline.keep(pool("answers", 1, 1).run(hang))
        assert time.monotonic() - began < 5
        assert missed is not None
        assert missed.code == "deadline_exceeded"

    asyncio.run(ask())
    release.set()
    assert ended.wait(5)


class Hasty:
    """A checkpoint that gives each request a moment."""

    is_immediate = True

    async def enter(self, scope: Scope) -> None:
        scope[BUDGET], scope[PRIORITY] = budget(0.02), Priority.OTHERS

    def leave(self, scope: Scope, *, status: int, seconds: float) -> None:
        pass


def test_a_page_that_is_not_there_in_time_is_a_page_to_a_browser_and_a_problem_to_everybody_else() -> None:
    def late(_: Request, error: Exception) -> Response:
        return Response(f"late: {getattr(error, 'code', '')}", 503, media_type="text/html")

    async def hang(*_: object) -> None:
        await never()

    browser = {"Accept": "text/html,*/*;q=0.8"}
    client = TestClient(RequestDoor(hang, metrics=MemoryMetricSink(), checkpoints=[Hasty()], late_page=late))
    page = client.get("/moods", headers=browser)
    others = [client.get("/moods"), client.get("/api/v1/moods", headers=browser), client.post("/acts", headers=browser)]

    assert (page.status_code, page.text) == (503, "late: deadline_exceeded")
    assert [(each.status_code, each.json()["code"]) for each in others] == [(503, "deadline_exceeded")] * 3


def test_a_stuck_pool_refuses_at_once_and_another_goes_on() -> None:
    release = threading.Event()

    async def ask() -> None:
        operators, answers = pool("operators", 2, 3), pool("answers", 2, 3)
        stuck = [asyncio.create_task(operators.run(release.wait, 10)) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable) as full:
            await operators.run(int)
        assert full.value.code == "overloaded"
        assert await asyncio.wait_for(answers.run(lambda: 7), 1) == 7
        release.set()
        await asyncio.gather(*stuck)
        assert await operators.run(lambda: 8) == 8

    asyncio.run(ask())


def test_work_that_was_given_up_before_it_began_is_never_begun() -> None:
    release, done = threading.Event(), list[int]()

    async def ask() -> None:
        small = pool("answers", 1, 5)
        first = asyncio.create_task(small.run(release.wait, 10))
        second = asyncio.create_task(small.run(done.append, 1))
        await asyncio.sleep(0.01)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        release.set()
        await first
        assert await small.run(lambda: 1) == 1

    asyncio.run(ask())
    assert not done


def test_a_thread_knows_the_budget_of_its_request() -> None:
    async def ask() -> None:
        with spending(budget(5)):
            left = await pool("answers", 1, 1).run(lambda: current_budget().left)
        assert 4 < left <= 5
        assert current_budget().left == float("inf")

    asyncio.run(ask())


def test_the_time_that_a_body_takes_to_come_is_not_ours() -> None:
    async def ask() -> None:
        given = budget(0.1)
        deadline = Deadline(given, has_body=True)

        async def slowly() -> dict[str, Any]:
            await asyncio.sleep(0.2)
            return {"type": "http.request", "body": b"", "more_body": False}

        async def answer() -> None:
            await deadline.receiving(slowly)()

        assert await deadline.keep(answer()) is None
        assert given.left > 0

        async def hang() -> None:
            await deadline.receiving(never)()

        assert (await Deadline(budget(0.02), has_body=True).keep(hang())) is not None

    asyncio.run(ask())


def test_an_answer_that_has_begun_is_not_given_up() -> None:
    async def ask() -> None:
        deadline = Deadline(budget(0.02), has_body=False)

        async def answer() -> None:
            deadline.is_kept()
            await asyncio.sleep(0.06)

        assert await deadline.keep(answer()) is None

    asyncio.run(ask())


def test_a_connection_is_slow_only_at_what_it_is_waited_for() -> None:
    rules, pace = PaceRules(head_seconds=0.02, body_idle_seconds=0.02, body_seconds=0.05), Pace()
    pace.begin_head()
    wait_until(lambda: pace.slow_at(rules) == "head")
    pace.begin_head()
    assert pace.slow_at(rules) is None
    pace.hear()
    pace.begin_body()
    wait_until(lambda: pace.slow_at(rules) == "body")
    pace.end_message()
    assert pace.slow_at(rules) is None  # it is our turn, however long that takes
    pace.begin_waiting()
    wait_until(lambda: pace.slow_at(rules) == "answer")
    pace.end_waiting()
    assert pace.slow_at(rules) is None


def test_a_body_that_trickles_is_slow_however_often_something_comes() -> None:
    rules, pace = PaceRules(head_seconds=1, body_idle_seconds=1, body_seconds=0.03), Pace()
    pace.hear()
    pace.begin_body()

    def trickled() -> bool:
        pace.hear()
        return pace.slow_at(rules) == "body"

    wait_until(trickled)
