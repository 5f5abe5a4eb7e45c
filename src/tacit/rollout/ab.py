"""A/B tests: what two or more arms are compared by, and the states such a test goes through (values).

```text
draft ── start ──▶ running ── stop, harm, a mismatch of shares ──▶ stopped
                      └────── its days are over ─────────────────▶ finished
```

The plan of a test never changes: who wants another one makes another test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from tacit.errors import Refused
from tacit.rollout.traffic import Arm, Split

AbMetric = Literal["ctr", "clicked_lists", "watch_seconds"]
AbState = Literal["draft", "running", "stopped", "finished"]

AB_METRICS: tuple[AbMetric, ...] = ("ctr", "clicked_lists", "watch_seconds")
"""The share of lists that were clicked; lists clicked by each user; seconds watched by each user."""

STAGE = "ab"
"""The stage within which everything of an A/B test counts: it has only one."""

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@dataclass(frozen=True, slots=True)
class Guardrail:
    """What no arm may do harm to, whatever it does to the metric.

    Attributes:
        metric: What is watched.
        harm_limit: By what share of the control's it may be lower; certainty of more ends the test.
    """

    metric: AbMetric
    harm_limit: float


@dataclass(frozen=True, slots=True)
class AbPlan:
    """What an A/B test is to find out, and what it may cost.

    Attributes:
        title: What it is about, for a person.
        arms: Two or more; the first is the control that each other one is compared with.
        metric: What decides.
        harm_limit: By what share of the control's the metric may be lower; certainty of more ends the test.
        guardrails: What else is watched.
        expected_effect: The size of the effects one hopes to tell, as a share; intervals are narrowest for it.
        min_users: Users of an arm below which nothing is said of it.
        max_days: After how many days the test is finished.
        history_days: How far back users' history is known by, which makes the intervals narrower.
    """

    title: str
    arms: tuple[Arm, ...]
    metric: AbMetric = "ctr"
    harm_limit: float = 0.05
    guardrails: tuple[Guardrail, ...] = ()
    expected_effect: float = 0.1
    min_users: int = 200
    max_days: float = 28.0
    history_days: float = 28.0


@dataclass(frozen=True, slots=True)
class AbTest:
    """An A/B test.

    Attributes:
        number: Names it.
        name: The model whose users are divided.
        plan: What it is to find out.
        created_at_ms: When it was written down, in milliseconds since 1970, UTC.
        state: How far it has come.
        reason: Why it ended; empty before.
        started_at_ms: Since when users are divided.
        ended_at_ms: Until when they were.
    """

    number: int
    name: str
    plan: AbPlan
    created_at_ms: int
    state: AbState = "draft"
    reason: str = ""
    started_at_ms: int | None = None
    ended_at_ms: int | None = None

    @property
    def split_id(self) -> str:
        """What names and salts its split."""
        return f"ab-{self.number}"

    @property
    def split(self) -> Split:
        """How it divides users."""
        return Split(self.split_id, STAGE, self.plan.arms)

    @property
    def due_at_ms(self) -> int | None:
        """When its days are over; `None` before it started."""
        return None if self.started_at_ms is None else self.started_at_ms + round(self.plan.max_days * DAY_MS)

    def started(self, at_ms: int) -> AbTest:
        """The same, running.

        Raises:
            Refused: `ab_state` unless it is a draft.
        """
        if self.state != "draft":
            raise _wrong_state(self, "Only a draft can be started.", "Create another test with the same arms.")
        return replace(self, state="running", started_at_ms=at_ms)

    def ended(self, state: Literal["stopped", "finished"], *, reason: str, at_ms: int) -> AbTest:
        """The same, over.

        Raises:
            Refused: `ab_state` unless it is running.
        """
        if self.state != "running":
            raise _wrong_state(self, "Only a running one can end.", "Nothing is left to do.")
        return replace(self, state=state, reason=reason, ended_at_ms=at_ms)


class AbStore(Protocol):
    """Keeps A/B tests; plans never change, and a test changes its state by compare-and-set."""

    def add(self, name: str, plan: AbPlan, *, created_at_ms: int) -> AbTest:
        """Keep a draft under the next number."""
        ...

    def test(self, number: int) -> AbTest | None: ...

    def tests(self, name: str, *, state: AbState | None = None) -> Sequence[AbTest]:
        """The tests of a model, newest first."""
        ...

    def move(self, test: AbTest, *, expected: AbState) -> None:
        """Let a test be in another state, if it still is in the one expected.

        Raises:
            Refused: `ab_moved` if it no longer is.
        """
        ...


def moved_meanwhile(number: int, expected: AbState) -> Refused:
    """A test that somebody else started or ended first."""
    detail = f"A/B test {number} is no longer in the state {expected}: somebody else changed it."
    return Refused("ab_moved", detail, field="number", fix="Look at it again.")


def _wrong_state(test: AbTest, rule: str, fix: str) -> Refused:
    detail = f"A/B test {test.number} is {test.state}. {rule}"
    return Refused("ab_state", detail, field="number", fix=fix, context={"state": test.state})
