"""What every request passes before anything looks at what it asks: who asks, how much, and whether there is room.

A checkpoint judges by the request's head alone: method, path as sent, headers, the peer's address.  What somebody may
is not decided here by the path, but at the route, which says what it takes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any, Protocol, runtime_checkable

Scope = MutableMapping[str, Any]
"""The ASGI scope of a request, or as much of it as there is: type, method, raw_path, query_string, headers, client."""

CLIENT = "tacit.client"
"""Where the scope holds the caller's address as a text, once trusted proxies were believed."""
OUTSIDE = "tacit.outside"
"""Where the scope says whether a request comes from outside of the networks that operators ask from."""
PRINCIPAL = "tacit.principal"
"""Where the scope holds the `Principal` who asks."""
PRIORITY = "tacit.priority"
"""Where the scope holds how soon the request is given up where there is no room for all."""
DEADLINE = "tacit.deadline"
"""Where the scope holds the moment of `time.monotonic()` by which the request must be answered."""
BUDGET = "tacit.budget"
"""Where the scope holds the `Budget` that what answers the request is to keep to."""
ROOM = "tacit.room"
"""Where the scope holds what the request takes up while it is at work."""
PASSED = "tacit.passed"
"""Where the scope holds the checkpoints that the request has passed already, on another way."""
HEADERS = "tacit.headers"
"""Where the scope holds headers to be added to the answer: a dict of texts."""
STOPPED = "tacit.stopped"
"""Where the scope holds why a checkpoint let a request not pass, for those that it had passed before."""


class Answered(Exception):
    """A checkpoint has the answer already: an empty one.

    Args:
        status: Its status.
        headers: Its headers.
    """

    def __init__(self, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(status)
        self.status, self.headers = status, headers


class Checkpoint(Protocol):
    """One thing that is looked at on the way in, and told on the way out.

    Attributes:
        is_immediate: Whether `enter` never waits for anything where an event is brought, so that it may be run without
            an event loop's turn.
    """

    is_immediate: bool

    def enter(self, scope: Scope) -> Awaitable[None]:
        """Let a request pass, perhaps with something put into its scope.

        Raises:
            TacitError: Why it may not.
        """
        ...

    def leave(self, scope: Scope, *, status: int, seconds: float) -> None:
        """A request that passed has been answered."""
        ...


Again = Callable[[], bytes | None]
"""What a further request with the same head, from the same address, meets in place of `enter`: gives the header lines
that its answer gets from there, or `None` where it must enter after all."""


def freely() -> bytes:
    """An `Again` that lets everybody pass, and adds nothing."""
    return b""


@runtime_checkable
class Lasting(Protocol):
    """A checkpoint some of whose judgements hold for further requests with the same head.

    A head is all of a request but its method, its address, its name and how long a body follows; method and addresses
    are of one route.
    """

    def lasting(self, scope: Scope) -> Again | None:
        """What those requests meet; `None` where each must enter.

        Args:
            scope: Of a request that passed.
        """
        ...


async def pass_all(checkpoints: Sequence[Checkpoint], scope: Scope) -> list[Checkpoint]:
    """Have a request pass them in their order.

    Returns:
        Those it passed, to be left in the opposite order; one that refuses is not left.

    Raises:
        TacitError: The first refusal; those passed before are left by then.
        Answered: One has the answer; likewise.
    """
    passed: list[Checkpoint] = []
    try:
        for each in checkpoints:
            await each.enter(scope)
            passed.append(each)
    except BaseException as refusal:
        scope[STOPPED] = refusal
        leave_all(passed, scope, status=0, seconds=0.0)
        raise
    return passed


def pass_at_once(checkpoints: Sequence[Checkpoint], scope: Scope) -> list[Checkpoint] | None:
    """The same, of checkpoints that are immediate, without an event loop's turn.

    Returns:
        Those it passed, or `None` if one of them waits after all; then none is passed, and nothing was decided.

    Raises:
        TacitError: The first refusal; those passed before are left by then.
    """
    passing = pass_all(checkpoints, scope)
    try:
        passing.send(None)
    except StopIteration as ended:
        passed: list[Checkpoint] = ended.value
        return passed
    passing.close()
    return None


def leave_all(passed: Sequence[Checkpoint], scope: Scope, *, status: int, seconds: float) -> None:
    """Tell those that a request passed that it was answered, the last one first."""
    for each in reversed(passed):
        each.leave(scope, status=status, seconds=seconds)
