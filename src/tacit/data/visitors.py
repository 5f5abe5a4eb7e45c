"""People who come to a platform in a simulation: what they like, which nobody is told, and what they click (pure).

Whoever counts the clicks of random visitors counts noise.  These have tastes: each likes some categories much and most
of them little, each item a little more or less than its categories, and clicks what they look at by how well it suits
them.  A taste follows from the seed and the names alone, so that it is the same in every process and at every time.

The chance of a click is that of the place being looked at, times that of what stands there being wanted: the
position-based model (Craswell et al., WSDM 2008), with `1 / rank^0.7` for the places (as fitted to real clicks by Wang
et al., WSDM 2018).  A list that suits better is clicked more often; `chance_of_list` tells by how much, without noise.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from math import prod
from typing import Protocol

UNSORTED = "unsorted"
"""How the groups are called that items without categories are thought of in."""
_GROUPS = 12
_PICKINESS = 5
"""How uneven a taste is: the power of an even draw, so that one category in eight is liked by more than half."""


class Shown(Protocol):
    """An item as somebody sees it."""

    @property
    def item_id(self) -> str: ...

    @property
    def categories(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Habits:
    """How people look at lists, the same for all.

    Attributes:
        keen: The chance of clicking what suits perfectly, once looked at.
        stray: The chance of clicking what does not suit at all.
        fade: How fast attention falls along a list: the place of rank r is looked at with the chance `r^-fade`.
        quirk: How much an item is liked for itself, from 0 to 1; the rest is its categories.
    """

    keen: float = 0.25
    stray: float = 0.01
    fade: float = 0.7
    quirk: float = 0.1


@dataclass(frozen=True)
class Visitor:
    """Somebody with a taste.

    Attributes:
        user_id: Who.
        seed: Of everybody's tastes.
        fond_of: Categories that they are known to like, because of what they did before.
        habits: How they look at lists.
    """

    user_id: str
    seed: int = 1
    fond_of: frozenset[str] = frozenset()
    habits: Habits = Habits()

    def liking(self, category: str) -> float:
        """How much they like a category, from 0 to 1."""
        drawn = _share(self.seed, self.user_id, "category", category)
        return 0.6 + 0.4 * drawn if category in self.fond_of else drawn**_PICKINESS

    def appeal(self, item: Shown) -> float:
        """How much they like an item, from 0 to 1."""
        groups = groups_of(item)
        by_kind = sum(map(self.liking, groups)) / len(groups)
        itself = _share(self.seed, self.user_id, "item", item.item_id)
        return (1 - self.habits.quirk) * by_kind + self.habits.quirk * itself

    def chance(self, item: Shown, rank: int) -> float:
        """The chance that they click an item that stands at a rank, 1 for the first."""
        wanted = self.habits.stray + (self.habits.keen - self.habits.stray) * self.appeal(item)
        return wanted * float(rank**-self.habits.fade)

    def chance_of_list(self, items: Sequence[Shown]) -> float:
        """The chance that they click something on a list: its click-through rate, without the noise."""
        return 1 - prod(1 - self.chance(item, rank) for rank, item in enumerate(items, 1))

    def clicked(self, items: Sequence[Shown], draw: random.Random) -> list[Shown]:
        """What they click on a list, in its order."""
        return [item for rank, item in enumerate(items, 1) if draw.random() < self.chance(item, rank)]

    def sought(self, items: Sequence[Shown], draw: random.Random) -> Shown:
        """What they would look for by themselves: the more they like an item, the sooner; `items` must hold some."""
        few = draw.sample(items, min(len(items), 40))
        return draw.choices(few, weights=[self.appeal(item) ** 2 + 1e-9 for item in few])[0]

    def knowing(self, items: Sequence[Shown]) -> Visitor:
        """The same person, of whom it is known that they took these items."""
        liked = frozenset(group for item in items for group in groups_of(item))
        return Visitor(self.user_id, self.seed, liked, self.habits)


@dataclass(frozen=True)
class Deed:
    """Something that somebody did with an item, as an event says it.

    Attributes:
        type: A type of the profile in force.
        value: How much, where the type has an amount.
    """

    type: str
    value: float | None = None


@dataclass(frozen=True)
class Manners:
    """What a click leads to, by the events that a profile knows.

    Attributes:
        taken: The event of somebody who takes an item up.
        seconds: How long they stay with what suits them perfectly, on average.
    """

    taken: str
    seconds: float
    liked: str = "like"
    left: str = "skip"

    def deeds(self, visitor: Visitor, item: Shown, draw: random.Random) -> Iterator[Deed]:
        """What somebody does who clicked an item: take it up, stay or leave, and like it now and then."""
        appeal = visitor.appeal(item)
        yield Deed(self.taken)
        if draw.random() > 0.3 + 0.7 * appeal:
            yield Deed(self.left)
            return
        yield Deed("watch_time", round(draw.expovariate(1 / (self.seconds * (0.2 + appeal))) % 86_400, 3))
        if draw.random() < 0.4 * appeal:
            yield Deed(self.liked)


MANNERS: Mapping[str, Manners] = {
    "music": Manners("play", 240.0),
    "lectures": Manners("enrol", 1_800.0),
    "movies": Manners("view", 3_600.0),
}
"""By the name of the profile."""


@dataclass(frozen=True)
class Crowd:
    """Everybody who comes, and how often.

    Attributes:
        user_ids: Who, the most frequent first: the one of rank r comes in proportion to `1 / r^0.8`.
    """

    user_ids: Sequence[str]
    seed: int = 1
    _weights: Sequence[float] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        weights = [float(rank**-0.8) for rank in range(1, len(self.user_ids) + 1)]
        object.__setattr__(self, "_weights", weights)

    def somebody(self, draw: random.Random) -> Visitor:
        """Who comes next."""
        return Visitor(draw.choices(self.user_ids, weights=self._weights)[0], self.seed)


def groups_of(item: Shown) -> tuple[str, ...]:
    """The categories of an item; of one that has none, a group that follows from its id."""
    if item.categories:
        return tuple(item.categories)
    return (f"{UNSORTED}-{int(_share(item.item_id) * _GROUPS)}",)


def _share(*words: object) -> float:
    """A number in [0, 1) that follows from some words."""
    digest = blake2b("\0".join(map(str, words)).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
