"""A/B tests in process: for tests, demonstrations and trials."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from tacit.rollout.ab import AbPlan, AbState, AbTest, moved_meanwhile


class MemoryAbStore:
    """An `AbStore` that keeps what it is told."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tests: dict[int, AbTest] = {}

    def add(self, name: str, plan: AbPlan, *, created_at_ms: int) -> AbTest:
        with self._lock:
            test = AbTest(len(self._tests) + 1, name, plan, created_at_ms)
            self._tests[test.number] = test
        return test

    def test(self, number: int) -> AbTest | None:
        return self._tests.get(number)

    def tests(self, name: str, *, state: AbState | None = None) -> Sequence[AbTest]:
        newest_first = sorted(self._tests.values(), key=lambda test: -test.number)
        return [test for test in newest_first if test.name == name and state in (None, test.state)]

    def move(self, test: AbTest, *, expected: AbState) -> None:
        with self._lock:
            kept = self._tests.get(test.number)
            if kept is None or kept.state != expected:
                raise moved_meanwhile(test.number, expected)
            self._tests[test.number] = test
