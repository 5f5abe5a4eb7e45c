"""A server whose shortest ways for lists and candidates tell what they took, and connections to it."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2

from tacit.bootstrap import App, Serving, build, load_settings, serving
from tacit.entrypoints.api.callers import identified
from tacit.entrypoints.api.documentation import DescribedApi
from tacit.entrypoints.api.gatehouse import checkpoints_of
from tacit.entrypoints.api.list_window import Connection, ListWindow
from tacit.entrypoints.api.operations import further_routes
from tacit.security.key_wishes import wish_of
from tests.apis import api_of
from tests.stages import listening, stage

SETTINGS = {
    "als.engine": "numpy",
    "auth.mode": "required",
    "limits.authenticated_per_minute": 400,
    "limits.trusted_proxies": ["127.0.0.1/32"],
    "audit.access": "all",
    "tiers.rehearsal_share": 0,
}
LIST = "/api/v1/users/u001/recommendations"
ROUTE = "/api/v1/users/{user_id}/recommendations"
RERANK = "/api/v1/users/u001/rerank"
LONG_WAY = {"Cookie": "colour=red"}
"""What a request says that only the application looks at."""


@dataclass
class Running:
    app: App
    parts: Serving
    client: httpx2.Client
    given: list[bytes] = field(default_factory=list)
    asked: list[bytes] = field(default_factory=list)
    asked_again: list[bytes] = field(default_factory=list)
    lists: ListWindow = field(init=False)

    def key(self, **said: object) -> str:
        desk = self.app.keys.desk
        text = desk.create(wish_of({"name": "x", **said}, now_ms=desk.now_ms()), actor="ann").text
        self.app.keys.ring.refresh()
        return text

    def asking(self, key: str, **headers: str) -> httpx2.Client:
        """A connection of somebody's own."""
        said = {"Authorization": f"Bearer {key}", "X-Forwarded-For": "203.0.113.9", **headers}
        return httpx2.Client(base_url=self.client.base_url, headers=said)

    def given_after(self, client: httpx2.Client, path: str = LIST, **more: Any) -> tuple[httpx2.Response, bool]:
        """An answer, and whether it lay ready."""
        before = len(self.given)
        response = client.get(path, **more)
        return response, len(self.given) > before

    def reranked(self, client: httpx2.Client, wish: object, path: str = RERANK, **more: Any) -> tuple[Any, bool]:
        """Candidates in order, and whether no application was asked for it."""
        before = len(self.asked) + len(self.asked_again)
        response = client.post(path, json=wish, **more)
        return response, len(self.asked) + len(self.asked_again) > before

    def counted(self, metric: Any, **labels: str) -> float:
        return self.parts.metrics.value(metric, **labels)


@contextmanager
def started(home: Path) -> Iterator[Running]:
    """A server over a small community."""
    with stage(home) as made:
        made.release()
    with ExitStack() as stack:
        app = stack.enter_context(build(load_settings(flags={"home": home, **SETTINGS}, environ={})))
        parts = stack.enter_context(serving(app))
        callers = stack.enter_context(identified(app))
        routers = further_routes(app, parts)
        api = api_of(parts, extra_routers=routers, checkpoints=checkpoints_of(app, parts, callers))
        running = Running(app, parts, stack.enter_context(listening(api)))
        assert isinstance(api, DescribedApi)
        assert api.lists is not None
        running.lists = api.lists
        api.lists.gives = _noticed(api.lists.gives, running.given)  # type: ignore[method-assign]
        api.lists.works_out = _noticed(api.lists.works_out, running.given)  # type: ignore[method-assign]
        assert api.questions is not None
        api.questions.asked = _heard(api.questions.asked, running.asked)  # type: ignore[method-assign]
        api.questions.asked_again = _heard(api.questions.asked_again, running.asked_again)  # type: ignore[method-assign]
        yield running


def _noticed(answers: Callable[[Connection], bool], given: list[bytes]) -> Callable[[Connection], bool]:
    def answered(connection: Connection) -> bool:
        url, is_given = connection.url, answers(connection)
        given.extend([url] if is_given else [])
        return is_given

    return answered


def _heard(taken: Callable[[Any], Any], heard: list[bytes]) -> Callable[[Any], Any]:
    def asked(connection: Any) -> Any:
        url, question = connection.url, taken(connection)
        heard.extend([url] if question is not None else [])
        return question

    return asked


@contextmanager
def raw(running: Running, key: str) -> Iterator[tuple[socket.socket, bytes]]:
    """A connection of somebody's own, and the head of a question by which they were let in there."""
    address = running.client.base_url
    said = {"host": address.host, "authorization": f"Bearer {key}", "x-forwarded-for": "203.0.113.9", "x": uuid4().hex}
    lines = [f"GET {LIST} HTTP/1.1", *(f"{name}: {value}" for name, value in said.items())]
    head = "\r\n".join([*lines, "", ""]).encode()
    with socket.create_connection((address.host, address.port), timeout=10) as connection:
        connection.sendall(head)
        assert status_on(connection) == 200
        yield connection, head


def status_on(connection: socket.socket) -> int:
    """The status of the next answer, all of which is read."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65_536)
    head, _, body = received.partition(b"\r\n\r\n")
    size = int(re.findall(rb"content-length: (\d+)", head)[0])
    while len(body) < size:
        body += connection.recv(65_536)
    assert len(body) == size
    return int(head.split()[1])
