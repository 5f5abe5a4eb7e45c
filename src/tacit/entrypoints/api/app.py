"""The application: routes over a service and a pool, behind one door."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, ExitStack, asynccontextmanager
from typing import TypedDict

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from tacit.data.intake import EventDoor
from tacit.data.quarantine import Quarantine
from tacit.entrypoints.api.admission import Admission
from tacit.entrypoints.api.at_once import AtOnce
from tacit.entrypoints.api.callers import OPEN_DOOR
from tacit.entrypoints.api.catalogue import catalogue_routes
from tacit.entrypoints.api.checkpoints import Checkpoint
from tacit.entrypoints.api.documentation import DescribedApi, documentation_routes
from tacit.entrypoints.api.door import RequestDoor
from tacit.entrypoints.api.errors import RefusalPage, install_error_handlers
from tacit.entrypoints.api.event_lane import EventLane
from tacit.entrypoints.api.event_window import EventWindow
from tacit.entrypoints.api.events import event_routes
from tacit.entrypoints.api.fast_lane import FastLane
from tacit.entrypoints.api.fast_routes import Endpoint, Kept
from tacit.entrypoints.api.guarding import check_guarded
from tacit.entrypoints.api.health import health_routes
from tacit.entrypoints.api.items import item_routes
from tacit.entrypoints.api.list_window import ListWindow
from tacit.entrypoints.api.memory import memory_share
from tacit.entrypoints.api.pools import work_in_pools
from tacit.entrypoints.api.quarantine import quarantine_routes
from tacit.entrypoints.api.question_window import QuestionWindow
from tacit.entrypoints.api.recommendations import recommendation_routes
from tacit.entrypoints.api.reranking import RERANK
from tacit.entrypoints.api.turnstile import Turnstile
from tacit.entrypoints.api.users import user_routes
from tacit.monitoring import metrics as catalogue
from tacit.monitoring.interfaces import MetricSink
from tacit.monitoring.tracing import Tracer
from tacit.serving.budgets import Budget
from tacit.serving.catalogue_desk import CatalogueDesk
from tacit.serving.health import Role
from tacit.serving.model_pool import ModelPool
from tacit.serving.ready_answers import ReadyAnswers
from tacit.serving.recommend import RecommendationService
from tacit.serving.user_desk import UserDesk

Background = Callable[[], AbstractContextManager[object]]
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


class Watching(TypedDict):
    """What every way in is given to look at requests with, by the names that it has there."""

    metrics: MetricSink
    tracer: Tracer | None
    checkpoints: Sequence[Checkpoint]


def create_app(
    service: RecommendationService,
    pool: ModelPool,
    metrics: MetricSink,
    *,
    version: str,
    intake: EventDoor | None = None,
    items: CatalogueDesk | None = None,
    users: UserDesk | None = None,
    quarantine: Quarantine | None = None,
    extra_routers: Sequence[APIRouter] = (),
    background: Sequence[Background] = (),
    checkpoints: Sequence[Checkpoint] = OPEN_DOOR,
    role: Role = "all",
    memory: Callable[[], float | None] = memory_share,
    refusal_page: RefusalPage | None = None,
    tracer: Tracer | None = None,
) -> DescribedApi:
    """The application.

    Args:
        service: Answers the questions.
        pool: Keeps the model loaded; followed while the application runs.
        metrics, tracer: Told of every request; decides which of them are followed, and without it, none is.
        version: The platform's own version, for the interface's description.
        intake, items, users: Take events, keep the catalogue, and what is said of users; what is missing is left out.
        quarantine: What was set aside; without it, nobody looks after it here.
        extra_routers: Further routes (of versions, rollouts, jobs, pages).
        background: Entered before the first request, in this order, and left after the last.
        checkpoints: What every request passes first; unless one finds out who asks, nobody may.
        role, memory: Whether events are taken here, and the share of the memory in use.
        refusal_page: What a browser is shown where there is no page, or where it may not see one as nobody.
    """
    app = _described(version, _lifespan(pool, background))
    own = (recommendation_routes(service), item_routes(service, items), _health(pool, memory, intake, role=role))
    more = (*_kept_routes(intake, items, users, quarantine=quarantine), *extra_routers)
    seen: Watching = {"metrics": metrics, "tracer": tracer, "checkpoints": checkpoints}
    routers = (*own, documentation_routes(app, refusal_page), *more)
    _include(app, routers, refusal_page, seen=seen)
    return _with_lane(_with_fast_lane(app, service, seen=seen, routers=routers), intake, seen)


def _let_in(routers: Sequence[APIRouter], metrics: MetricSink, checkpoints: Sequence[Checkpoint]) -> Turnstile | None:
    """Where there is admission, have handlers work in its pools, and turn away at the head whom it would refuse."""
    admission = next((each for each in checkpoints if isinstance(each, Admission)), None)
    if admission is None:
        return None
    work_in_pools(routers, admission.pools())
    return Turnstile(admission, metrics)


def _include(
    app: DescribedApi, routers: Sequence[APIRouter], refusal_page: RefusalPage | None, *, seen: Watching
) -> None:
    app.turnstile = _let_in(routers, seen["metrics"], seen["checkpoints"])
    for router in routers:
        app.include_router(router)
        _start_at_zero(router, seen["metrics"])
    install_error_handlers(app, routers, refusal_page)
    check_guarded(app)
    app.add_middleware(RequestDoor, late_page=refusal_page, **seen)


def _health(pool: ModelPool, memory: Callable[[], float | None], intake: EventDoor | None, *, role: Role) -> APIRouter:
    """The routes of our health; of events that are taken elsewhere, nothing is known here."""
    events = intake.state if intake is not None and role == "all" else None
    return health_routes(pool, memory, events, role=role)


def _described(version: str, lifespan: Lifespan) -> DescribedApi:
    return DescribedApi(
        title="Tacit",
        version=version,
        summary="Recommendations that say why, from which version, and how far they can be trusted.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )


def _with_fast_lane(
    app: DescribedApi,
    service: RecommendationService,
    *,
    seen: Watching,
    routers: Sequence[APIRouter],
) -> DescribedApi:
    """The same, with what is asked most often answered past the framework, through a door like its own."""
    ready: Kept = ReadyAnswers(service.rests_on, clock_ms=lambda: int(time.time() * 1_000))
    admission = next((each for each in seen["checkpoints"] if isinstance(each, Admission)), None)
    at_once = AtOnce(service, ready, room=Budget if admission is None else admission.room_at_once)
    app.lists = ListWindow(ready, service.telling, at_once=at_once, **seen)
    fast = [each for each in routers[0].routes if isinstance(each, APIRoute) and each.path.count("{") == 1]
    lane = FastLane([each for each in fast if each.methods == {"GET"}], service, ready, window=app.lists)
    app.fast = (lane.leads, RequestDoor(lane, **seen))
    app.shed = ready.shed
    _add_questions(app, at_once, routers, lists=app.lists, seen=seen)
    return app


def _add_questions(
    app: DescribedApi, at_once: AtOnce, routers: Sequence[APIRouter], *, lists: ListWindow, seen: Watching
) -> None:
    """Have candidates put into order past the framework, if that is done here at all."""
    routes = (each for router in routers for each in router.routes if isinstance(each, APIRoute))
    route = next((each for each in routes if each.path == RERANK), None)
    if route is not None and all(each.is_immediate for each in seen["checkpoints"]):
        app.questions = QuestionWindow(at_once, Endpoint(route), lists=lists, turnstile=app.turnstile, **seen)


def _with_lane(app: DescribedApi, intake: EventDoor | None, seen: Watching) -> DescribedApi:
    """The same, with events led past the framework, through a door like its own."""
    if intake is None:
        return app
    [route] = [each for each in event_routes(intake).routes if isinstance(each, APIRoute)]
    lane = EventLane(intake, route)
    for method in route.methods or ():
        app.lanes[method, route.path] = RequestDoor(lane, **seen)
    if all(each.is_immediate for each in seen["checkpoints"]):
        app.window = EventWindow(lane.together, route=route, **seen)
    return app


def _kept_routes(
    intake: EventDoor | None,
    items: CatalogueDesk | None,
    users: UserDesk | None,
    *,
    quarantine: Quarantine | None,
) -> Iterator[APIRouter]:
    """The routes that take something in, or look after what was, as far as that is done here."""
    if intake is not None:
        yield event_routes(intake)
    if quarantine is not None:
        yield quarantine_routes(quarantine)
    if items is not None:
        yield catalogue_routes(items)
    if users is not None:
        yield user_routes(users)


def _lifespan(pool: ModelPool, background: Sequence[Background]) -> Lifespan:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        stack = ExitStack()
        try:
            await run_in_threadpool(_enter, stack, pool, background)
            yield
        finally:
            if isinstance(app, DescribedApi) and app.lists is not None:
                app.lists.tell()
            await run_in_threadpool(stack.close)

    return lifespan


def _enter(stack: ExitStack, pool: ModelPool, background: Sequence[Background]) -> None:
    for open_background in background:
        stack.enter_context(open_background())
    pool.start()
    stack.callback(pool.stop)


def _start_at_zero(router: APIRouter, metrics: MetricSink) -> None:
    """Let every route be seen before its first request, so that a rate is never computed from nothing."""
    for route in router.routes:
        if isinstance(route, APIRoute):
            for method in route.methods or ():
                metrics.increment(catalogue.HTTP_REQUESTS, 0, method=method, route=route.path, status="200")
