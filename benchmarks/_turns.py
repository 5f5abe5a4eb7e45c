"""What a server takes in each of several states, where it can be told which to be in: all of them in one process.

Two processes of one program differ by several per cent from their start on, by where their memory happens to lie.  So
one is asked without pause and told every other moment to be in another state.  What disturbs the machine, and what the
server does by itself now and then, falls on all of them alike; of each state's turns the half in the middle counts.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

TURN_SECONDS = 0.3
_DRAWS = 1_000
Cpu = dict[int, int]


@dataclass(frozen=True)
class Turn:
    """A while in one state.

    Attributes:
        state: Which.
        began: When, by the monotonic clock.
        seconds: How long.
        cpu: Seconds of CPU, those of threads that work later left out.
        late: Theirs, by the name of the thread; what they did is of other turns as well.
    """

    state: str
    began: float
    seconds: float
    cpu: float
    late: Mapping[str, float]


def turns(pid: int, tell: Callable[[str], None], states: Sequence[str], *, late_file: Path) -> Iterator[Turn]:
    """Turns of a process, for as long as they are asked for; in each round every state once, in an order by chance.

    Args:
        pid: The process.
        tell: Tells it which state to be in.
        states: Those.
        late_file: Where it writes which of its threads work later.
    """
    random = np.random.default_rng(1)
    order: list[str] = []
    while True:
        order = order or random.permutation(states).tolist()
        tell(state := order.pop())
        began, before = time.monotonic(), cpu_by_thread(pid)
        time.sleep(TURN_SECONDS)
        after, ended = cpu_by_thread(pid), time.monotonic()
        names = {int(thread): name for thread, name in json.loads(late_file.read_text("utf-8")).items()}
        taken = {thread: (ns - before.get(thread, 0)) / 1e9 for thread, ns in after.items()}
        late = {name: taken.get(thread, 0.0) for thread, name in names.items()}
        yield Turn(state, began, ended - began, sum(taken.values()) - sum(late.values()), late)


def cpu_by_thread(pid: int) -> Cpu:
    """Nanoseconds of CPU that each thread of a process took so far."""
    found: Cpu = {}
    for thread in Path(f"/proc/{pid}/task").iterdir():
        try:
            found[int(thread.name)] = int((thread / "schedstat").read_text("utf-8").split()[0])
        except OSError:
            continue  # it ended meanwhile
    return found


@dataclass(frozen=True)
class Compared:
    """States by what they took.

    Attributes:
        turns: How many there were of each.
        cpu_us: Microseconds of CPU a request, by state.
        ratios: Each state to the one that is held against.
        within: Between which bounds nine of ten ratios lie where turns are drawn again and again from those there were.
    """

    turns: int
    cpu_us: Mapping[str, float]
    ratios: Mapping[str, float]
    within: Mapping[str, tuple[float, float]]


def compared(found: Sequence[Turn], base: str, *, late_of: Mapping[str, Sequence[str]], rate: float) -> Compared:
    """What states took beside one of them.

    Args:
        found: Turns.
        base: The state that the others are held against.
        late_of: Threads that work later, and in which states somebody gives them something to do.
        rate: Requests a second in each.
    """
    states = sorted({turn.state for turn in found})
    each = {
        state: np.array([turn.cpu / turn.seconds for turn in found if turn.state == state])
        + sum(_later(found, name, of) for name, of in late_of.items() if state in of)
        for state in states
    }
    usual = {state: _middle_half(of) for state, of in each.items()}
    random = np.random.default_rng(1)
    drawn = {
        state: _middle_half(random.choice(of, (_DRAWS, len(of))))  # (draws,)
        for state, of in each.items()
    }
    bounds = {state: np.quantile(of / drawn[base], (0.05, 0.95)).tolist() for state, of in drawn.items()}
    return Compared(
        min(map(len, each.values())),
        {state: float(of) / rate * 1e6 for state, of in usual.items()},
        {state: float(of / usual[base]) for state, of in usual.items()},
        {state: (low, high) for state, (low, high) in bounds.items()},
    )


def _middle_half(values: Any) -> Any:
    """The mean of the half in the middle, along the last axis."""
    ordered, quarter = np.sort(values), values.shape[-1] // 4
    return ordered[..., quarter : values.shape[-1] - quarter].mean(axis=-1)


def _later(found: Sequence[Turn], name: str, states: Sequence[str]) -> float:
    """CPU a second of a thread that works later, in the states that give it something to do."""
    seconds = sum(turn.seconds for turn in found if turn.state in states)
    return sum(turn.late.get(name, 0.0) for turn in found) / max(1e-9, seconds)


def tell_by_signal(pid: int, signal_of: Callable[[str], int]) -> Callable[[str], None]:
    """Tells a process by signals."""
    return lambda state: os.kill(pid, signal_of(state))
