"""What both clients do around a request: where it goes, what its failures mean, and whether it is tried again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import httpx2

import tacit
from tacit.client import answers
from tacit.client.answers import Reply
from tacit.client.options import RetryAllowance, RetryRules
from tacit.client.requests import JSON_LINES, Question
from tacit.errors import BadInput, Misconfigured, NotFound, TacitError, Unavailable

Value = TypeVar("Value")

EVENTS_PATH = "/api/v1/events"
FAILURES = (httpx2.RequestError, RuntimeError, TimeoutError)
"""What a request raises that did not come back; a client that was closed meanwhile raises the second."""


def options_of(
    address: str, timeout: float, headers: Mapping[str, str] | None, *, api_key: str | None = None
) -> dict[str, Any]:
    """How either HTTP client is made.

    Raises:
        Misconfigured: `option_invalid`.
    """
    try:
        url = httpx2.URL(address)
    except (httpx2.InvalidURL, TypeError) as problem:
        raise _no_address() from problem
    if url.scheme not in ("http", "https") or not url.host:
        raise _no_address()
    if not timeout > 0:
        raise Misconfigured("option_invalid", f"timeout is {timeout}; it must be above 0.", field="timeout")
    agent = {"User-Agent": f"tacit-client/{tacit.__version__}"}
    return {"base_url": url, "timeout": timeout, "headers": {**agent, **_credentials(api_key), **(headers or {})}}


def request_options(question: Question[Any]) -> dict[str, Any]:
    """A question as an HTTP client wants to be told."""
    found: dict[str, Any] = {"method": question.method, "url": question.path}
    if question.params:
        found["params"] = list(question.params)
    if question.body is not None:
        found |= {"content": question.body, "headers": {"Content-Type": question.media_type}}
    return found


def events_options(body: bytes) -> dict[str, Any]:
    """Events as an HTTP client wants to be told."""
    return {"method": "POST", "url": EVENTS_PATH, "content": body, "headers": {"Content-Type": JSON_LINES}}


def reply_of(response: httpx2.Response, content: bytes) -> Reply:
    """A response, as far as it matters here."""
    return Reply(response.status_code, content, response.headers.get("Retry-After"))


def in_time(chunks: Iterable[bytes], until: float) -> Iterator[bytes]:
    """The parts of an answer for as long as they come in time: each may, and the whole may not."""
    for chunk in chunks:
        if time.monotonic() > until:
            raise httpx2.ReadTimeout("the answer trickles in")
        yield chunk


def failure_of(problem: Exception) -> TacitError:
    """What it means that a request did not come back."""
    if isinstance(problem, httpx2.TimeoutException | TimeoutError):
        return Unavailable("timeout", "The platform did not answer in time.")
    kind = type(problem).__name__
    return Unavailable("connection_failed", f"The platform cannot be reached ({kind}): {str(problem)[:200]}.")


def unsendable(problem: Exception) -> BadInput:
    """What it means that an address cannot even be written."""
    return BadInput("address_invalid", f"This cannot be asked for: {str(problem)[:200]}.")


class Tries:
    """The tries of one request: what its reply means, and how long to wait for the next try."""

    def __init__(
        self, rules: RetryRules, allowance: RetryAllowance, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        allowance.earn()
        self._rules, self._allowance, self._clock = rules, allowance, clock
        self._until = clock() + rules.budget_seconds
        self._failures = 0

    def value(self, question: Question[Value], reply: Reply) -> Value:
        """What a reply says.

        Raises:
            TacitError: That something went wrong.
        """
        if reply.is_success:
            return answers.read(reply, question.read) if reply.content else question.read(None)
        error = answers.error_of(reply)
        if question.is_done_if_gone and self._failures and isinstance(error, NotFound):
            return question.read(None)  # an earlier try arrived, and only its answer was lost
        raise error

    def wait_after(self, error: TacitError, reply: Reply | None) -> float:
        """How long to wait before the next try, in seconds.

        Raises:
            TacitError: The error itself: there is no use in another, or no time for it.
        """
        self._failures += 1
        if self._failures >= self._rules.tries or not _may_end_otherwise(error, reply):
            raise error
        asked = None if reply is None else answers.asked_wait(reply)
        seconds = self._rules.wait_after(self._failures, asked=asked)
        if self._clock() + seconds > self._until or not self._allowance.spend():
            raise error
        return seconds


def _may_end_otherwise(error: TacitError, reply: Reply | None) -> bool:
    return isinstance(error, Unavailable) if reply is None else reply.status in answers.AGAIN


def _credentials(api_key: str | None) -> dict[str, str]:
    if api_key is None:
        return {}
    if not (api_key and api_key.isascii() and api_key.isprintable() and " " not in api_key):
        # What was given is not quoted: it may hold most of a key.
        detail = "The key is empty, or holds what no key holds, such as the end of a line."
        raise Misconfigured("option_invalid", detail, field="api_key", fix="Give it as `tacit keys create` showed it.")
    return {"Authorization": f"Bearer {api_key}"}


def _no_address() -> Misconfigured:
    return Misconfigured(
        "option_invalid",
        "The address of the platform is none.",
        field="address",
        fix="Write it as http://127.0.0.1:8000.",
    )
