"""Threads for what handlers do, one bounded pool for each class of work: what is stuck in one is in no other's way."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Coroutine, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from contextvars import copy_context
from functools import partial, wraps
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute

from tacit.entrypoints.api.priorities import class_of
from tacit.errors import Unavailable
from tacit.serving.budgets import current_budget

Handler = Callable[..., Any]
Keeping = Callable[[float], AbstractContextManager[None]]
"""Gives what a thread does meanwhile so many seconds: drivers that can, obey."""


class Pool:
    """Threads of one class of work.

    Work whose caller gave up before it began is never begun.  What is at work when its caller gives up goes on, and
    holds its thread until it ends: beyond the bound, nothing is taken on.

    Args:
        name: In the names of its threads.
        threads: At work at once.
        bound: At work and waiting for a thread at once.
        keeping: Has a thread keep to what its request has left.
    """

    def __init__(self, name: str, *, threads: int, bound: int, keeping: Keeping) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._bound, self._keeping = bound, keeping
        self._lock = threading.Lock()
        self._held = 0

    async def run(self, call: Handler, /, *given: Any, **named: Any) -> Any:
        """What a call returns, made in a thread of the pool; what is logged there names the request.

        Raises:
            Unavailable: `overloaded` if as much is under way as may be.
        """
        work = partial(copy_context().run, self._kept, call, *given, **named)
        return await asyncio.wrap_future(self._begun(work))

    def _begun(self, work: Callable[[], Any]) -> Future[Any]:
        with self._lock:
            if self._held >= self._bound:
                raise _full()
            self._held += 1
        try:
            future = self._threads.submit(work)
        except RuntimeError as error:  # no thread can be had
            self._ended(None)
            raise _full() from error
        future.add_done_callback(self._ended)
        return future

    def _ended(self, _: Future[Any] | None) -> None:
        with self._lock:
            self._held -= 1

    def _kept(self, call: Handler, /, *given: Any, **named: Any) -> Any:
        with self._keeping(current_budget().left):
            return call(*given, **named)


def work_in_pools(routers: Iterable[APIRouter], pools: Mapping[str, Pool]) -> None:
    """Have every handler that may wait work in the threads of its class; to be done before the routers are included."""
    for router in routers:
        for route in router.routes:
            if isinstance(route, APIRoute) and not inspect.iscoroutinefunction(route.endpoint):
                method = min(route.methods or {"GET"})
                route.endpoint = _pooled(route.endpoint, pools[class_of(method, route.path).pool])


def _pooled(handler: Handler, pool: Pool) -> Callable[..., Coroutine[Any, Any, Any]]:
    @wraps(handler)
    async def work(*given: Any, **named: Any) -> Any:
        return await pool.run(handler, *given, **named)

    return work


def _full() -> Unavailable:
    return Unavailable("overloaded", "As much of this is under way as may be.", fix="Ask again in a moment.")
