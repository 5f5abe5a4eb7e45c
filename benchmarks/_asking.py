"""Questions in the open: requests that leave when they are due, from a process of its own (see `_load`)."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import numpy as np

from benchmarks._bodies import Body
from benchmarks._load import UNANSWERED, Offer, Times, _Sender, percentiles, schedule, told
from benchmarks._meter import Meter

MEAN_ZIPF = 1.1
"""How unevenly users ask: the exponent of the load that `reliability.md` describes."""


@dataclass(frozen=True)
class Questions:
    """What is asked.

    Attributes:
        path: With `{user}`, `{item}` or `{number}` where one is filled in.
        users: Who asks, the most frequent first.
        items: What is asked of.
        body: Of a POST, likewise; none for a GET.
        candidates: How many items are filled in for `{items}`.
        at_once: How many users are filled in for `{users}`.
        headers: Of each request.
    """

    path: str
    users: Sequence[str] = ()
    items: Sequence[str] = ()
    body: str | None = None
    candidates: int = 0
    at_once: int = 1
    headers: Mapping[str, str] = field(default_factory=dict)


def requests_of(asked: Questions, count: int, *, host: str, seed: int) -> list[bytes]:
    """So many requests, users by Zipf's law, items at random."""
    random = np.random.default_rng(seed)
    ranks = np.arange(1, max(1, len(asked.users)) + 1) ** -MEAN_ZIPF
    chosen = random.choice(len(ranks), count, p=ranks / ranks.sum())
    others = random.integers(0, max(1, len(asked.items)), count)
    return [
        _request(asked, host, number=number, user=int(user), item=int(item), random=random)
        for number, (user, item) in enumerate(zip(chosen, others, strict=True))
    ]


def _request(asked: Questions, host: str, *, number: int, user: int, item: int, random: np.random.Generator) -> bytes:
    words = {
        "{number}": str(number),
        "{user}": asked.users[user] if asked.users else "",
        "{item}": asked.items[item] if asked.items else "",
    }
    path, body = asked.path, asked.body or ""
    for name, value in words.items():
        path = path.replace(name, quote(value, safe=""))
        body = body.replace(name, value)
    if "{items}" in body:
        some = random.choice(len(asked.items), asked.candidates, replace=False)
        body = body.replace("{items}", json.dumps([asked.items[each] for each in some]))
    if "{users}" in body:
        some = random.choice(len(asked.users), min(asked.at_once, len(asked.users)), replace=False)
        body = body.replace("{users}", json.dumps([asked.users[each] for each in some]))
    headers = {"host": host, **asked.headers}
    if asked.body is not None:
        headers |= {"content-type": "application/json", "content-length": str(len(body.encode()))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    method = "GET" if asked.body is None else "POST"
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n{body}".encode()


def asked(meter: Meter, *, offer: Mapping[str, Any], questions: Mapping[str, Any]) -> dict[str, Any]:
    """Send a schedule of questions to a server, from a process of its own; returns what `_load.told` says."""
    plan = Offer(**{**offer, "body": Body()})
    if plan.core is not None:
        os.sched_setaffinity(0, {plan.core})
    due = schedule(plan.rate, plan.warm_seconds + plan.seconds, kind=plan.kind, seed=plan.seed)
    ask = Questions(**questions)
    requests = requests_of(ask, len(due), host=f"{plan.host}:{plan.port}", seed=plan.seed)
    sender = _Sender(plan, Times(due), requests)
    began = time.monotonic()
    with meter.running():
        asyncio.run(sender.run())
    found = told(sender.times.counted(plan.warm_seconds), per_request=1, seconds=plan.seconds)
    return {
        **found,
        "counted_from": began + plan.warm_seconds,
        "answered_in_all": int((sender.times.status != UNANSWERED).sum()),
        "generator_share": meter.cpu / meter.wall,
        "late_ms": percentiles(np.array(sender.late)),
    }
