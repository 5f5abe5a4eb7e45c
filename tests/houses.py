"""A platform with a key of every kind, and requests as nobody's client would write them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from fastapi import FastAPI

from tacit.bootstrap import App, build, load_settings, serving
from tacit.entrypoints.api.callers import Identified, Mode, identified
from tacit.entrypoints.api.operations import further_routes
from tacit.entrypoints.api.same_origin import SameOrigin
from tacit.entrypoints.api.visiting import visiting_of
from tacit.entrypoints.console.pages import console
from tacit.entrypoints.storefront.behind import behind
from tacit.entrypoints.storefront.pages import storefront
from tacit.entrypoints.storefront.signing_in import sign_in_pages
from tacit.security.key_wishes import wish_of
from tests.apis import api_of
from tests.stages import stage, wait_until

OWN, OTHER = "u000", "u001"
"""Two users that the version knows; a key is bound to the first."""

STRANGERS = ("bad", "cut", "expired", "revoked", "foreign", "address")
"""Callers whose credentials do not hold."""

FORMS = frozenset(
    {"/signin", "/signout", "/account/password", "/account/sign-ins", "/start", "/acts", "/opinion", "/you/forget"}
)
"""What takes a form of our own pages; let in, something else is refused as no form (415), and no password as wrong."""

FILLED = {"item_id": "rare", "item_id:path": "rare", "digest": "0", "name": "x.css"}


@dataclass(frozen=True)
class Answer:
    """What was answered, as far as it matters here."""

    status: int
    code: str
    text: str

    @property
    def is_let_in(self) -> bool:
        return self.status not in (401, 403)


@dataclass(frozen=True)
class House:
    """An application with keys of every kind, and what may be asked of it."""

    app: App
    api: FastAPI
    callers: Identified
    keys: Mapping[str, str]
    key_id: str
    mode: list[Mode]
    runner: asyncio.Runner

    def ask(self, method: str, path: str, *, caller: str = "none", **more: Any) -> Answer:
        if method == "POST" and (path in FORMS or path.startswith("/console/")):
            more = {"body": b"{}", "headers": [(b"sec-fetch-site", b"same-origin")], **more}
        query = b"api_key=" + self.keys["admin"].encode() if caller == "address" else b""
        sent = [] if caller in ("none", "address") else [(b"authorization", f"Bearer {self.keys[caller]}".encode())]
        return self.runner.run(
            asked(self.api, method, path, query=query, headers=[*sent, *more.pop("headers", ())], **more)
        )

    def path(self, template: str, user_id: str = OWN) -> str:
        for name in [part.split("}")[0] for part in template.split("{")[1:]]:
            own = {"user_id": user_id, "user_id:path": user_id, "key_id": self.key_id}
            own |= {"item_id": "i003"} if "/hidden/" in template else {}  # the other one is removed on the way
            template = template.replace("{" + name + "}", {**FILLED, **own}.get(name, "999"))
        return template


async def asked(
    api: FastAPI,
    method: str,
    path: str,
    *,
    query: bytes = b"",
    headers: Sequence[tuple[bytes, bytes]] = (),
    body: bytes = b"",
    host: bytes = b"127.0.0.1",
    scope: Mapping[str, Any] | None = None,
) -> Answer:
    """What an application answers to a request that is written as nobody's client would write it."""
    whole = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "path": unquote(path),
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query,
        "headers": [(b"host", host), (b"content-type", b"application/json"), *headers],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 8_000),
        **(scope or {}),
    }
    said: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        said.append(message)

    await api(whole, receive, send)
    text = b"".join(each.get("body", b"") for each in said).decode("utf-8", "replace")
    is_problem = text.startswith(('{"type":', '{"type": "urn'))
    return Answer(said[0]["status"], json.loads(text)["code"] if is_problem else "", text)


@contextmanager
def house_in(folder: Path) -> Iterator[House]:
    """A platform that serves over one home in a folder, and knows no keys of the other one there."""
    with stage(folder / "home") as made:
        made.release()
    with ExitStack() as stack:
        app, foreign = (
            stack.enter_context(build(load_settings(flags={"home": folder / name, "als.engine": "numpy"}, environ={})))
            for name in ("home", "other")
        )
        parts = stack.enter_context(serving(app))
        mode: list[Mode] = ["required"]
        callers = stack.enter_context(identified(app))
        callers.mode = lambda: mode[0]
        shop = storefront(parts.service, dataset=_dataset, has_sign_in=True, behind=behind(app, parts))
        visiting = visiting_of(app)
        assert visiting is not None
        api = api_of(
            parts,
            quarantine=app.quarantine,
            extra_routers=[
                *further_routes(app, parts),
                shop.router(),
                sign_in_pages(app, parts, _dataset),
                *console(app, parts).routers,
            ],
            checkpoints=[SameOrigin(), callers, visiting],
            refusal_page=shop.failure,
        )
        keys, key_id = _keys(app, foreign)
        yield House(app, api, callers, keys, key_id, mode, stack.enter_context(asyncio.Runner()))


def _dataset() -> str:
    return "made-up"


def _keys(app: App, foreign: App) -> tuple[dict[str, str], str]:
    """A key of each kind, by name, and the id of one that is nobody's."""

    def made(installation: App, **said: object) -> str:
        desk = installation.keys.desk
        return desk.create(wish_of({"name": "x", **said}, now_ms=desk.now_ms()), actor="ann").text

    keys = {role: made(app, role=role) for role in ("reader", "writer", "operator", "admin")}
    keys["bound"] = made(app, scopes=["lists:read", "users:read", "events:write"], user_id=OWN)
    keys["foreign"] = made(foreign, role="admin")
    keys["revoked"] = made(app, role="admin")
    keys["expired"] = made(app, role="admin", expires="1s")
    keys["bad"] = keys["admin"][:30] + ("A" if keys["admin"][30] != "A" else "B") + keys["admin"][31:]
    keys["cut"] = keys["admin"][:-9]
    app.keys.desk.revoke(keys["revoked"].split("_")[2], reason="", actor="ann")
    wait_until(lambda: app.keys.desk.key(keys["expired"].split("_")[2]).state(app.keys.desk.now_ms()) == "expired")
    return keys, keys["expired"].split("_")[2]
