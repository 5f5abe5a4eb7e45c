"""The client for threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx2

from tacit.client import requests
from tacit.client.answers import Reply
from tacit.client.courier import Courier
from tacit.client.event_thread import EventThread, Told, log_dropped
from tacit.client.exchange import (
    FAILURES,
    Tries,
    events_options,
    failure_of,
    in_time,
    options_of,
    reply_of,
    request_options,
    unsendable,
)
from tacit.client.options import KEEP, DeliveryRules, Keep, RetryAllowance, RetryRules
from tacit.client.requests import Question
from tacit.client.values import Event, Item, Preferences, Recommendations, Report, User
from tacit.errors import TacitError, Unavailable

Value = TypeVar("Value")


class TacitClient:
    """A platform, from any number of threads.

    Questions are answered or raise a `TacitError`; those that may come to another end are tried again for a while.
    Events are taken at once and delivered by a thread in the background, in order, however often that takes more than
    one try.  They are held in memory alone: what is not delivered when the process ends is lost, unless `close` could
    give it back.  A program that ends without `close` still waits five seconds for them.

    A client belongs to the process that made it; after a fork, make another.

    Args:
        address: Where the platform is: `http://127.0.0.1:8000`.
        timeout: How long one try may wait for the network, and for all of an answer that has begun, in seconds.
        retries: When a request is tried again.
        delivery: How events are gathered, kept and given up.
        on_dropped: Told of each event that will have no effect, by the delivering thread, so it must neither `flush`
            nor `close`; a warning in the log unless given.
        api_key: Who asks, sent with every request; it is never shown again.
        headers: Sent with every request.
        transport: What sends requests, in place of the network.

    Raises:
        Misconfigured: `option_invalid`.
    """

    def __init__(
        self,
        address: str,
        *,
        timeout: float = 5.0,
        retries: RetryRules | None = None,
        delivery: DeliveryRules | None = None,
        on_dropped: Told = log_dropped,
        api_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._retries, self._timeout = retries or RetryRules(), timeout
        self._http = httpx2.Client(**options_of(address, timeout, headers, api_key=api_key), transport=transport)
        self._allowance = RetryAllowance(self._retries.share)
        self._over = threading.Event()
        self._events = EventThread(Courier(delivery or DeliveryRules(), self._retries), self._post, on_dropped)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def send(self, event: Event, *, wait: float = 0.0) -> str:
        """Take an event to be delivered; returns its name.

        Args:
            event: What somebody did.
            wait: How long to wait for room, in seconds.

        Raises:
            BadInput: It could not even be sent.
            Unavailable: `buffer_full`: it was not taken.
            Refused: `client_closed`.
        """
        self._events.add(event, wait=wait)
        return event.event_id

    def send_many(self, events: Iterable[Event], *, wait: float = 0.0) -> tuple[Event, ...]:
        """Take events to be delivered, in order, waiting so long for room; returns those not taken for lack of it.

        Raises:
            BadInput: One could not even be sent; those before it were taken.
            Refused: `client_closed`.
        """
        until, left = time.monotonic() + wait, iter(events)
        for event in left:
            try:
                self._events.add(event, wait=until - time.monotonic())
            except Unavailable:
                return (event, *left)
        return ()

    def flush(self, timeout: float = 5.0) -> Report:
        """Deliver every event taken so far, waiting so long; what became of them, and of all since the last report."""
        return self._events.flush(timeout)

    def close(self, timeout: float = 5.0) -> Report:
        """Deliver what can be delivered in so many seconds; the report gives the rest back.  Nothing can follow it."""
        report = self._events.close(timeout)
        self._over.set()
        self._http.close()
        return report

    def recommend(
        self, user_id: str, *, limit: int | None = None, exclude: Iterable[str] = (), category: str | None = None
    ) -> Recommendations:
        """What a user may like next."""
        return self._ask(requests.recommend(user_id, limit=limit, exclude=exclude, category=category))

    def recommend_for_likes(
        self,
        liked: Iterable[str],
        *,
        limit: int | None = None,
        exclude: Iterable[str] = (),
        category: str | None = None,
    ) -> Recommendations:
        """What somebody may like of whom only some likes are known."""
        return self._ask(requests.recommend_for_likes(liked, limit=limit, exclude=exclude, category=category))

    def similar_items(
        self, item_id: str, *, limit: int | None = None, exclude: Iterable[str] = (), category: str | None = None
    ) -> Recommendations:
        """What is like an item."""
        return self._ask(requests.similar_items(item_id, limit=limit, exclude=exclude, category=category))

    def popular(
        self, *, limit: int | None = None, exclude: Iterable[str] = (), category: str | None = None
    ) -> Recommendations:
        """What most users met."""
        return self._ask(requests.popular(limit=limit, exclude=exclude, category=category))

    def item(self, item_id: str) -> Item:
        """What is known of an item."""
        return self._ask(requests.item(item_id))

    def put_item(
        self,
        item_id: str,
        *,
        title: str | None = None,
        categories: tuple[str, ...] | None = None,
        tags: tuple[str, ...] | None = None,
        labels: Mapping[str, Any] | None = None,
        available: bool = True,
        expires_at: datetime | int | None = None,
    ) -> Item:
        """Say all there is to say of an item; what is not given is as an import said it."""
        said = {"title": title, "categories": categories, "tags": tags, "labels": labels}
        return self._ask(requests.put_item(item_id, {**said, "available": available, "expires_at": expires_at}))

    def patch_item(
        self,
        item_id: str,
        *,
        title: str | Keep | None = KEEP,
        categories: tuple[str, ...] | Keep | None = KEEP,
        tags: tuple[str, ...] | Keep | None = KEEP,
        labels: Mapping[str, Any] | Keep | None = KEEP,
        available: bool | Keep = KEEP,
        expires_at: datetime | int | Keep | None = KEEP,
    ) -> Item:
        """Say something else of an item; `None` takes back what was said."""
        said = {"title": title, "categories": categories, "tags": tags, "labels": labels}
        return self._ask(requests.patch_item(item_id, {**said, "available": available, "expires_at": expires_at}))

    def delete_item(self, item_id: str) -> None:
        """Remove an item."""
        self._ask(requests.delete_item(item_id))

    def put_user(
        self, user_id: str, *, labels: Mapping[str, Any] | None = None, preferences: Preferences | None = None
    ) -> User:
        """Say all there is to say of a user."""
        return self._ask(requests.put_user(user_id, labels=labels, preferences=preferences))

    def set_preferences(self, user_id: str, preferences: Preferences) -> Preferences:
        """Say what a user chose."""
        return self._ask(requests.set_preferences(user_id, preferences))

    def _ask(self, question: Question[Value]) -> Value:
        tries = Tries(self._retries, self._allowance)
        while True:
            reply: Reply | None = None
            try:
                reply = self._reply(**request_options(question))
                return tries.value(question, reply)
            except TacitError as error:
                seconds = tries.wait_after(error, reply)
            self._over.wait(seconds)

    def _post(self, body: bytes) -> Reply:
        return self._reply(**events_options(body))

    def _reply(self, **options: Any) -> Reply:
        until = time.monotonic() + self._timeout
        try:
            with self._http.stream(**options) as response:
                return reply_of(response, b"".join(in_time(response.iter_bytes(), until)))
        except httpx2.InvalidURL as problem:
            raise unsendable(problem) from problem
        except FAILURES as problem:
            raise failure_of(problem) from problem
