"""Every route, asked by every kind of caller: the table below is what holds, and an application is held to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount

from tacit.entrypoints.api.aliases import UNVERSIONED, VERSIONED
from tacit.entrypoints.api.app import create_app
from tacit.entrypoints.api.checkpoints import OUTSIDE
from tacit.entrypoints.api.guarding import guards_of, kind_of
from tacit.errors import Misconfigured
from tacit.security.key_wishes import wish_of
from tests.houses import OTHER, OWN, STRANGERS, Answer, House, asked, house_in
from tests.route_table import TABLE
from tests.stages import Stage, stage

RIGHTS: Mapping[str, set[str]] = {
    "reader": {"lists:read", "users:read"},
    "writer": {"lists:read", "users:read", "events:write", "catalogue:write"},
    "operator": {"lists:read", "users:read", "events:write", "catalogue:write", "operations:read", "operations:write"},
    "admin": {
        "lists:read",
        "users:read",
        "events:write",
        "catalogue:write",
        "operations:read",
        "operations:write",
        "security:admin",
    },
    "bound": {"lists:read", "users:read", "events:write"},
}
"""What each kind of caller may, told once more and not read from the code."""

VISITED = {f"events:write {path}" for path in ("/start", "/acts", "/opinion", "/you/forget")}
"""Forms that make a visitor of whoever sends them without credentials, where these are optional."""

LINES = [line.split() for line in TABLE.strip().splitlines()]
CASES = [(scope, method, path) for scope, _, method, path in LINES]
KINDS = {(method, path): None if kind == "-" else kind for _, kind, method, path in LINES}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house_in(tmp_path_factory.mktemp("matrix")) as house:
        yield house


def expected(scope: str, template: str, caller: str, user_id: str = OWN) -> int | None:
    """The status that refuses a caller; `None` where they are let in."""
    is_of_a_user = "{user_id" in template
    if scope == "public":
        return None
    if caller == "none" or caller in STRANGERS:
        return 401
    if scope.rstrip("*") not in RIGHTS[caller] or (caller == "bound" and scope.endswith("*")):
        return 403
    return 404 if caller == "bound" and is_of_a_user and user_id != OWN else None


def test_the_table_names_every_route_there_is_and_no_other(house: House) -> None:
    there = {
        f"{method} {route.path}" for route in iter_route_contexts(house.api.routes) for method in route.methods or ["*"]
    }

    assert there == {f"{method} {path}" for _, method, path in CASES}


def test_each_route_is_written_down_as_what_the_table_says(house: House) -> None:
    routes = [each.route for each in iter_route_contexts(house.api.routes)]
    found = {(method, each.path): kind_of(each, method) for each in routes for method in each.methods}

    assert found == KINDS
    assert max(len(guards_of(each)) for each in routes) == 1


@pytest.mark.requirement("SEC-016")
def test_from_outside_of_operators_networks_what_operators_ask_is_refused_and_nothing_else(house: House) -> None:
    asks = [("none", method, template) for _, method, template in CASES]
    for caller, method, template in [*asks, ("admin", "PUT", "/api/v1/moods/{mood}")]:
        answer = house.ask(method, house.path(template), caller=caller, scope={OUTSIDE: True})
        is_refused = answer.status == 403 and "address_forbidden" in (answer.code or answer.text)
        assert is_refused is (KINDS[method, template] == "administrative"), (method, template, answer)

    assert house.ask("GET", "/api/v1/popular", caller="reader", scope={OUTSIDE: True}).status == 200


@pytest.mark.requirement("SEC-007")
@pytest.mark.requirement("SEC-014")
@pytest.mark.parametrize(
    "caller",
    ["none", STRANGERS[0], *(pytest.param(each, marks=pytest.mark.slow) for each in STRANGERS[1:]), *RIGHTS],
)
def test_each_caller_is_let_in_where_the_table_says_so_and_nowhere_else(house: House, caller: str) -> None:
    wrong = {}
    for scope, method, template in CASES:
        answer = house.ask(method, house.path(template), caller=caller)
        status = expected(scope, template, caller)
        if not answer.is_let_in if status is None else answer.status != status:
            wrong[f"{method} {template}"] = (answer.status, answer.code)

    assert wrong == {}


def test_a_user_that_is_not_ones_own_is_as_if_there_were_none(house: House) -> None:
    """S1: what belongs to another is not forbidden, it is not there, whether there is such a user or not."""
    told = set()
    cases = [each for each in CASES if "{user_id" in each[2] and expected(each[0], each[2], "bound") is None]
    for _, method, template in cases:
        own = house.ask(method, house.path(template), caller="bound")
        assert own.status != 404, (method, template, own.text)
        for other in (OTHER, "nobody-at-all", "u%30%301"):
            answer = house.ask(method, house.path(template, other), caller="bound")
            assert (answer.status, other in answer.text) == (404, False), (method, template, answer.text)
            told.add((method, template, _without_id(answer.text)))

    assert len(told) == len(cases) > 5


def test_an_id_that_looks_encoded_leads_nobody_to_another_users_list(house: House) -> None:
    """S1: `%75000` is somebody's id; read once more, it would be `u000`."""
    wish = wish_of({"name": "x", "scopes": ["lists:read"], "user_id": "%75000"}, now_ms=house.app.keys.desk.now_ms())
    key = house.app.keys.desk.create(wish, actor="ann").text
    sent = [(b"authorization", f"Bearer {key}".encode())]
    paths = [path for scope, method, path in CASES if (scope, method) == ("lists:read", "GET") and "{user_id" in path]
    answers = [house.ask("GET", house.path(path, "%2575000"), headers=sent) for path in paths]

    assert [(each.status, each.code) for each in answers] == [(404, "user_unknown")] * len(paths)
    assert {path.partition("{")[0] for path in {**UNVERSIONED, **VERSIONED} if "{user_id" in path} <= {
        path.partition("{")[0] for path in paths
    }
    assert {house.ask("GET", house.path(path, "%75000"), caller="bound").status for path in paths} == {200}


def test_who_is_bound_to_a_user_sends_that_users_events_alone(house: House) -> None:
    def event(user_id: str, name: str) -> dict[str, object]:
        return {"event_id": name, "user_id": user_id, "item_id": "i001", "type": "play"}

    def send(*events: dict[str, object], caller: str = "bound") -> Answer:
        body = json.dumps(events[0] if len(events) == 1 else events).encode()
        return house.ask("POST", "/api/v1/events", caller=caller, body=body)

    assert send(event(OWN, "m1")).status == 202
    assert send(event(OWN, "m2"), event(OWN, "m3")).status == 202
    for refused in (send(event(OTHER, "m4")), send(event(OWN, "m5"), event(OTHER, "m6"))):
        assert (refused.status, refused.code) == (404, "user_unknown")
    assert send(event(OTHER, "m4"), event(OWN, "m5"), caller="writer").status == 202
    assert send(event(OWN, "m7"), caller="reader").status == 403
    again = send(event(OWN, "m1"), caller="writer")
    assert '"duplicate"' in again.text


def test_every_credential_that_does_not_hold_is_answered_in_the_same_words(house: House) -> None:
    answers = {_without_id(house.ask("GET", "/api/v1/models", caller=caller).text) for caller in STRANGERS}

    assert len(answers) == 1
    assert all(key not in answer for key in house.keys.values() for answer in answers)


@pytest.mark.requirement("C-14")
def test_without_credentials_the_mode_decides_what_is_seen(house: House) -> None:
    seen: dict[str, set[str]] = {}
    for house.mode[0] in ("open", "optional", "required"):
        seen[house.mode[0]] = {
            f"{scope} {template}"
            for scope, method, template in CASES
            if house.ask(method, house.path(template)).is_let_in
        }
    house.mode[0] = "required"

    assert seen["open"] == {f"{scope} {template}" for scope, _, template in CASES}
    assert seen["required"] == {each for each in seen["open"] if each.startswith("public")}
    assert seen["optional"] - seen["required"] == VISITED | {
        each for each in seen["open"] if each.startswith("lists:read ") and "{user_id" not in each
    }


def test_a_credential_that_does_not_hold_is_refused_where_none_was_needed(house: House) -> None:
    statuses = []
    for house.mode[0] in ("open", "optional"):
        statuses += [house.ask("GET", "/api/v1/popular", caller=caller).status for caller in ("bad", "reader", "none")]
        statuses.append(house.ask("GET", "/api/v1/models", caller="reader").status)
    house.mode[0] = "required"

    assert statuses == [401, 200, 200, 403, 401, 200, 200, 403]


def test_no_trick_with_hosts_headers_paths_or_methods_opens_a_route(house: House) -> None:
    """S5: the decision is the route's, so that no spelling of an address and no header changes it."""
    tricks: tuple[Callable[[str], dict[str, Any]], ...] = (
        lambda path: {"path": path, "host": b"evil.example"},
        lambda path: {"path": path, "host": b"a/livez?"},
        lambda path: {"path": path, "host": "bücher/livez".encode()},
        lambda path: {"path": path, "headers": _MISLEADING},
        lambda path: {"path": path + "/"},
        lambda path: {"path": "/" + path},
        lambda path: {"path": "/livez/.." + path},
        lambda path: {"path": path.replace("/api/v1/", "/api/v1/%2e/")},
        lambda path: {"path": path[:-1] + f"%{ord(path[-1]):02x}"},
        lambda path: {"path": path + "%00"},
        lambda path: {"path": path + "%3f/livez"},
        lambda path: {"path": path + ";/livez"},
        lambda path: {"path": path.upper()},
    )
    opened = []
    for scope, method, template in CASES:
        for trick in tricks if scope != "public" else ():
            chosen = trick(house.path(template))
            answer = house.ask(method, chosen.pop("path"), **chosen)
            if answer.status not in (400, 401, 404, 405):
                opened.append((method, template, chosen, answer.status))

    assert opened == []


def test_head_is_refused_like_get_and_no_other_method_finds_anything(house: House) -> None:
    guarded = [(method, house.path(template)) for scope, method, template in CASES if scope != "public"]

    assert {house.ask("HEAD", path).status for method, path in guarded if method == "GET"} == {401}
    assert {house.ask(method, path).status for _, path in guarded for method in ("OPTIONS", "TRACE")} == {405}


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ([(b"x-api-key", "reader")], 200, ""),
        ([(b"authorization", "BEARER  reader")], 200, ""),
        ([(b"authorization", "Basic reader")], 401, "credentials_missing"),
        ([(b"authorization", "Bearer ")], 401, "credentials_invalid"),
        ([(b"authorization", "Bearer reader"), (b"x-api-key", "reader")], 400, "credentials_ambiguous"),
        ([(b"x-api-key", "reader"), (b"x-api-key", "reader")], 400, "credentials_ambiguous"),
        ([(b"authorization", "Bearer eyJhbGciOiJub25lIn0.e30.")], 401, "credentials_invalid"),
        ([(b"authorization", "Bearer \xff")], 401, "credentials_invalid"),
        ([(b"authorization", "Bearer " + "x" * 60_000)], 401, "credentials_invalid"),
    ],
)
def test_a_credential_comes_in_one_header_once(
    house: House, headers: list[tuple[bytes, str]], status: int, code: str
) -> None:
    sent = [(name, value.replace("reader", house.keys["reader"]).encode("latin-1")) for name, value in headers]
    answer = house.ask("GET", "/api/v1/popular", headers=sent)

    assert (answer.status, answer.code) == (status, code)


def test_a_route_that_names_nothing_keeps_an_application_from_starting(house: House, tmp_path: Path) -> None:
    bare = APIRouter()
    bare.add_api_route("/dump", lambda: None)
    mounted = APIRouter(routes=[Mount("/files", app=house.api)])
    with stage(tmp_path / "home") as made:
        told = [_start_with(made, router) for router in (bare, mounted)]

    assert "GET /dump" in told[0]
    assert "* /files" in told[1]


def _start_with(made: Stage, router: APIRouter) -> str:
    with pytest.raises(Misconfigured) as refusal:
        create_app(made.service, made.pool, made.metrics, version="0", extra_routers=[router])
    assert refusal.value.code == "route_unguarded"
    return str(refusal.value)


def test_an_application_that_asks_nobody_who_they_are_lets_nobody_in(tmp_path: Path) -> None:
    with stage(tmp_path / "home") as made:
        api = create_app(made.service, made.pool, made.metrics, version="0", checkpoints=())
        answers = [asyncio.run(asked(api, "GET", path)) for path in ("/api/v1/popular", "/docs", "/livez")]

    assert [answer.status for answer in answers] == [401, 401, 200]


_MISLEADING = [
    (b"x-original-url", b"/livez"),
    (b"x-rewrite-url", b"/livez"),
    (b"x-forwarded-prefix", b"/livez"),
    (b"x-forwarded-host", b"127.0.0.1"),
    (b"x-forwarded-for", b"127.0.0.1"),
    (b"x-http-method-override", b"GET"),
    (b"x-method-override", b"OPTIONS"),
    (b"forwarded", b"for=127.0.0.1;host=localhost"),
]


def _without_id(text: str) -> str:
    return json.dumps({**json.loads(text), "request_id": ""}) if text.startswith("{") else text
