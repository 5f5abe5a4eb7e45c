"""What `freshness` asks a platform over HTTP: somebody does something, and their list is asked for until it differs."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

from benchmarks._bodies import EVENTS
from benchmarks._served import Address
from tacit.data import synthetic

PATIENCE = 3.0
"""Seconds after which a list counts as one that never changes."""

_LOOK_EVERY = 0.002
_GIVE_UP_AFTER = 5
"""Lists in a row that never changed; the others then would not either."""
_FIVE = 5


@dataclass
class Changes:
    """What became of some users' lists.

    Attributes:
        seconds: From the acknowledgement until the list was another one; infinite if it never was.
        acknowledged: Seconds until the event was acknowledged.
        by_themselves: Lists that changed before there was an event.
    """

    seconds: list[float] = field(default_factory=list)
    acknowledged: list[float] = field(default_factory=list)
    by_themselves: int = 0

    @property
    def is_hopeless(self) -> bool:
        """Whether the last ones never changed."""
        last = self.seconds[-_GIVE_UP_AFTER:]
        return len(last) == _GIVE_UP_AFTER and all(each == float("inf") for each in last)


class Client:
    """One kept connection."""

    def __init__(self, address: Address) -> None:
        self._connection = http.client.HTTPConnection(address.host, address.port, timeout=30)

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """The status and the JSON of an answer."""
        sent = None if body is None else json.dumps(body).encode()
        headers = {} if sent is None else {"Content-Type": "application/json"}
        self._connection.request(method, path, sent, headers)
        answer = self._connection.getresponse()
        return answer.status, json.loads(answer.read() or b"null")

    def listed(self, user_id: str) -> tuple[str, ...]:
        """A user's list, as ids; none for somebody unknown."""
        status, answer = self.ask("GET", f"/api/v1/users/{quote(user_id, safe='')}/recommendations?limit=10")
        return tuple(item["item_id"] for item in answer["items"]) if status == 200 else ()

    def popular(self, count: int = 10) -> tuple[str, ...]:
        """What is popular, as ids."""
        return tuple(item["item_id"] for item in self.ask("GET", f"/api/v1/popular?limit={count}")[1]["items"])

    def close(self) -> None:
        self._connection.close()


@contextmanager
def _client(address: Address) -> Iterator[Client]:
    client = Client(address)
    try:
        yield client
    finally:
        client.close()


def known_users(place: Path, address: Address, *, count: int) -> Changes:
    """Each of some users likes the first item of their list."""
    changes = Changes()
    with _client(address) as client:
        for user_id in islice(_users(place), count):
            before = client.listed(user_id)
            changes.by_themselves += client.listed(user_id) != before
            event = {"user_id": user_id, "item_id": before[0], "type": "like", "event_id": f"fresh-{user_id}"}
            _watch(client, user_id, [event], before=before, changes=changes)
            if changes.is_hopeless:
                break
    return changes


def made_up_users(address: Address, *, count: int) -> Changes:
    """Each of some users nobody heard of plays five items; what is popular is no list of their own."""
    changes = Changes()
    with _client(address) as client:
        popular = client.popular()
        items = client.popular(1_000)
        for number in range(count):
            user_id = f"made-up-{number}"
            events = [
                {"user_id": user_id, "item_id": item_id, "type": "play", "event_id": f"{user_id}-{place}"}
                for place, item_id in enumerate(items[number::97][:_FIVE])
            ]
            _watch(client, user_id, events, before=popular, changes=changes)
            if changes.is_hopeless:
                break
    return changes


def hidden(place: Path, address: Address, *, count: int) -> dict[str, Any]:
    """Each of some items that stand in lists is made unavailable; whether the next answers still hold it."""
    asked = still_there = 0
    refused = ""
    with _client(address) as client:
        for user_id in islice(_users(place), count):
            item_id = client.listed(user_id)[0]
            status, answer = client.ask("PATCH", f"/api/v1/items/{quote(item_id, safe='')}", {"available": False})
            if status // 100 != 2:
                refused = f"{status} {answer.get('code', '')}".strip()
                break
            asked += 1
            still_there += item_id in client.listed(user_id) or item_id in client.popular(1_000)
    return {"asked": asked, "still_there": still_there, "refused": refused}


def _watch(
    client: Client, user_id: str, events: Sequence[Mapping[str, str]], *, before: tuple[str, ...], changes: Changes
) -> None:
    """Send events, and ask for the list from the acknowledgement on until it is neither empty nor what it was."""
    sent = time.perf_counter()
    status, answer = client.ask("POST", EVENTS, list(events))
    acknowledged = time.perf_counter()
    if status != 202:
        raise RuntimeError(f"the event was answered {status}: {answer}")
    changes.acknowledged.append(acknowledged - sent)
    while (now := time.perf_counter()) - acknowledged < PATIENCE:
        if client.listed(user_id) not in ((), before):
            changes.seconds.append(time.perf_counter() - acknowledged)
            return
        time.sleep(max(0.0, _LOOK_EVERY - (time.perf_counter() - now)))
    changes.seconds.append(float("inf"))


def _users(place: Path) -> Iterator[str]:
    """The users of the community that the platform learnt from."""
    seen: set[str] = set()
    with (place / synthetic.DATASET / synthetic.PLAYS_FILE).open(encoding="utf-8") as file:
        next(file)
        for line in file:
            user_id = line.partition("\t")[0]
            if user_id not in seen:
                seen.add(user_id)
                yield user_id
