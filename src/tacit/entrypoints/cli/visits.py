"""Simulated people at a running platform: they ask when it is time, look, click what they like, and do something."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from tacit.client import Event, Recommendations
from tacit.data.visit_times import Pace, Step, steps
from tacit.data.visitors import MANNERS, Crowd, Shown, Visitor
from tacit.entrypoints.cli.visit_tally import Tally
from tacit.entrypoints.cli.visiting import Surroundings, Visitors
from tacit.errors import NotFound, TacitError, Unavailable

LATE_SECONDS = 1.0
"""A question that leaves so much later than it was due is counted as late."""
_FINDS = 3
"""What somebody takes up who is new, before a platform could know anything of them."""
MOOD_SHARES = (38, 22, 15, 12, 8, 5, 4, 3, 3, 2, 2, 2)
"""How often moods are asked for, the first most often; the others as the last."""
_TELL_EVERY = 10.0


@dataclass(frozen=True)
class Traffic:
    """What is wanted.

    Attributes:
        pace: How often something is asked.
        seed: Of everything left to chance.
        seconds: How long.
        users: How many people come often; half of them are known to the platform, where it tells whom it knows.
        profile: What the events are called.
        at_once: Questions under way at once, at most; one that finds no room leaves late.
    """

    pace: Pace
    seed: int
    seconds: float
    users: int
    profile: str
    at_once: int = 16


class Visits:
    """Everybody's visits.

    Args:
        platform: What is asked.
        traffic: What is wanted.
        there: What there is to ask for.
        told: Told the seconds that went by, every ten of them.
    """

    def __init__(
        self,
        platform: Visitors,
        traffic: Traffic,
        there: Surroundings,
        *,
        tally: Tally,
        told: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        self._platform, self._traffic, self._there, self._tally = platform, traffic, there, tally
        self._told, self._started = told, time.monotonic()
        self._told_at = self._started
        self._items = [*there.items.values()]
        self._crowd = Crowd(_regulars(traffic, there), traffic.seed)
        self._met: dict[str, Visitor] = {}
        self._answered: set[str] = set()
        self._manners = MANNERS[traffic.profile]
        self._room = asyncio.Semaphore(traffic.at_once)

    async def run(self, over: asyncio.Event) -> float:
        """Ask until the end, or until told to; returns the seconds that took."""
        self._started = self._told_at = started = time.monotonic()
        async with asyncio.TaskGroup() as asking:
            for step in steps(self._traffic.pace, seed=self._traffic.seed, seconds=self._traffic.seconds):
                if await self._is_over(over, started + step.at):
                    break
                await self._room.acquire()
                self._tally.late += time.monotonic() - started - step.at > LATE_SECONDS
                asking.create_task(self._make(step)).add_done_callback(lambda _: self._room.release())
        return time.monotonic() - started

    async def _is_over(self, over: asyncio.Event, until: float) -> bool:
        """Wait until it is time; whether to end instead."""
        while not over.is_set() and (left := until - time.monotonic()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, _TELL_EVERY)):
                    await over.wait()
            self._tell()
        return over.is_set()

    def _tell(self) -> None:
        now = time.monotonic()
        if now - self._told_at >= _TELL_EVERY:
            self._told_at = now
            self._told(now - self._started)

    async def _make(self, step: Step) -> None:
        """One question, and what comes of it."""
        draw = random.Random(f"{self._traffic.seed} {step.number}")  # noqa: S311 - nothing secret about it
        visitor = self._visitor(step)
        started = time.monotonic()
        try:
            shown = await self._ask(step, visitor, draw)
        except TacitError as error:
            self._tally.refused(step.question, error)
            return
        self._tally.answered(step.question, time.monotonic() - started)
        if shown is not None:
            self._tally.degraded += shown.degraded
            if step.guest != "nameless":
                await self._look(self._known(visitor, shown), shown, draw)

    def _visitor(self, step: Step) -> Visitor:
        """Who makes a visit: the same person at each of its steps."""
        if step.guest == "regular":
            drawn = random.Random(f"{self._traffic.seed} visit {step.visit}")  # noqa: S311 - nothing secret about it
            visitor = self._crowd.somebody(drawn)
            return self._met.get(visitor.user_id, visitor)
        return Visitor(f"{step.guest}-{self._traffic.seed}-{step.visit}", self._traffic.seed)

    async def _ask(self, step: Step, visitor: Visitor, draw: random.Random) -> Recommendations | None:
        platform, user_id = self._platform, None if step.guest == "nameless" else visitor.user_id
        match step.question:
            case "user":
                return await self._own(step, visitor, draw)
            case "mood" if self._there.moods:
                return await self._for(partial(platform.for_mood, self._mood(draw)), user_id)
            case "discovery":
                return await self._for(platform.discover, user_id)
            case "chart" | "trending":
                return await platform.chart(is_trending=step.question == "trending")
            case "similar":
                return await platform.similar_items(self._found(visitor, draw).item_id, limit=None)
            case "likes":
                return await platform.recommend_for_likes(self._finds(visitor, draw), limit=None)
            case "session":
                return await platform.for_session(self._finds(visitor, draw))
            case "search":
                await self._search(visitor, draw)
                return None
        return await platform.popular()

    async def _for(
        self, ask: Callable[[str | None], Awaitable[Recommendations]], user_id: str | None
    ) -> Recommendations:
        """Something for a user who was answered before, else for nobody."""
        if user_id in self._answered:
            try:
                return await ask(user_id)
            except NotFound:
                # They were answered while the platform could not tell that nobody knows them.
                self._tally.unknown += 1
        return await ask(None)

    async def _own(self, step: Step, visitor: Visitor, draw: random.Random) -> Recommendations:
        """A user's own list; for one who is unknown what is popular, as a page would show it."""
        try:
            shown = await self._platform.recommend(visitor.user_id)
        except NotFound:
            self._tally.unknown += 1
        else:
            self._answered.add(visitor.user_id)
            return shown
        if step.guest == "regular":
            for item_id in self._finds(visitor, draw):
                await self._did(visitor, self._there.items[item_id], draw)
        return await self._platform.popular()

    async def _search(self, visitor: Visitor, draw: random.Random) -> None:
        """Somebody looks for what they like, and takes it up if it is there; no list led to it."""
        wanted = self._found(visitor, draw)
        found = await self._platform.search(self._there.items[wanted.item_id].title[:12])
        if wanted.item_id in {item.item_id for item in found}:
            await self._did(visitor, wanted, draw)

    async def _look(self, visitor: Visitor, shown: Recommendations, draw: random.Random) -> None:
        """Go down a list and click."""
        clicked = visitor.clicked(shown.items, draw)
        self._tally.looked_at(shown, is_clicked=bool(clicked), chance=visitor.chance_of_list(shown.items))
        # A list that was not made for them cannot be counted for them.
        led = shown.recommendation_id if shown.user_id == visitor.user_id else None
        for item in clicked:
            await self._did(visitor, item, draw, led=led)

    async def _did(self, visitor: Visitor, item: Shown, draw: random.Random, *, led: str | None = None) -> None:
        for deed in self._manners.deeds(visitor, item, draw):
            event = Event(visitor.user_id, item.item_id, deed.type, deed.value, recommendation_id=led)
            try:
                await self._platform.send(event, wait=5.0)
            except Unavailable as error:
                self._tally.dropped[error.code] += 1
        self._met.setdefault(visitor.user_id, visitor)

    def _known(self, visitor: Visitor, shown: Recommendations) -> Visitor:
        """The same person; of whom the platform knows more than we, we learn from its first reasons what they like."""
        if visitor.user_id in self._met or shown.user_id != visitor.user_id:
            return visitor
        reasons = {each.item_id for item in shown.items for each in item.because}
        taken = [self._there.items[item_id] for item_id in sorted(reasons & self._there.items.keys())]
        return self._met.setdefault(visitor.user_id, visitor.knowing(taken))

    def _mood(self, draw: random.Random) -> str:
        moods = self._there.moods
        shares = [*MOOD_SHARES, *([MOOD_SHARES[-1]] * len(moods))][: len(moods)]
        return draw.choices(moods, weights=shares)[0]

    def _found(self, visitor: Visitor, draw: random.Random) -> Shown:
        return visitor.sought(self._items, draw)

    def _finds(self, visitor: Visitor, draw: random.Random) -> list[str]:
        return list(dict.fromkeys(self._found(visitor, draw).item_id for _ in range(_FINDS)))


def _regulars(traffic: Traffic, there: Surroundings) -> Sequence[str]:
    """Who comes often: people whom the platform knows, and people of our own, in turns."""
    own = [f"visitor-{traffic.seed}-{number}" for number in range(1, traffic.users + 1)]
    known = list(there.known[: traffic.users // 2])
    mixed = [user_id for pair in zip(known, own, strict=False) for user_id in pair]
    return [*mixed, *own[len(known) :]][: traffic.users]
