"""How much memory a training will need, told before it starts, and refused where it cannot be had."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tacit.errors import Refused
from tacit.models.recommender.ease import LARGEST_CATALOGUE
from tacit.models.recommender.nearest import DEPTH, searched

_MIB = 2**20

_VOICE_ENTRIES = 200
"""What a second voice keeps of each item."""

_VOICES_HELD = 5
"""The best so far, the one tried, and the one being made with its parts and its transposition."""

_KEPT_BYTES = 24 * _MIB
"""Stacks of threads, pages of libraries first used, and what was freed but not given back."""

BATCH_USERS = 16_384
"""How many users are folded in at once."""

_PORTION_USERS = 512
"""Users whose blended scores are worked out together, each entry in some sixty bytes."""


@dataclass(frozen=True)
class TrainingSize:
    """What a training's memory follows from.

    Attributes:
        users: Rows trained on.
        items: Columns.
        interactions: Entries.
        factors: `k`.
        known_users: Users folded in at the end, those not trained on included.
        is_judged: Whether factors are judged on a fold, and the best kept.
        is_blended: Whether second voices are tried.
    """

    users: int
    items: int
    interactions: int
    factors: int
    known_users: int
    is_judged: bool = False
    is_blended: bool = False

    @property
    def bytes(self) -> int:
        """The most that is held at once beside the snapshot itself, by the native engine.

        It is the most of four times:

        * *learning*: weights by user (4 bytes an interaction, since places are shared) and by item (8); both sides,
          `4 k (users + items)`; the half-precision copy of the side gathered, `2 k max(users, items)`; the sixteen
          parts of a Gram matrix, `128 k²`; where a fold was cut, its matrix (8), the best factors so far, and the items
          in the eigenbasis and in codes, `5 k items`;
        * *choosing a voice*: the fold's matrix by user and by item, both sides, five voices (8 bytes an entry), the
          scores of a portion of users, and for a small catalogue three dense matrices of items by items;
        * *folding in*: everybody's factors, a batch of them twice, and the items as they are, in the eigenbasis and
          on the way there;
        * *finding what is similar*: everybody's factors, the items as they are, at length 1 and in codes, and what is
          found.

        What threads and the allocator keep comes on top.
        """
        folding = 4 * self.factors * (self.known_users + BATCH_USERS + 3 * self.items)
        voices = self._choosing if self.is_blended else 0
        return _KEPT_BYTES + max(self._learning, voices, folding, self._finding)

    @property
    def _sides(self) -> int:
        return 4 * self.factors * (self.users + self.items)

    @property
    def _learning(self) -> int:
        needed = 12 * self.interactions + self._sides + 2 * self.factors * max(self.users, self.items)
        needed += 128 * self.factors**2
        if self.is_judged or self.is_blended:
            needed += 8 * self.interactions + 5 * self.factors * self.items
        return needed + self._sides if self.is_judged else needed

    @property
    def _finding(self) -> int:
        codes = (3 * self.factors // 2 + 9) * self.items
        found = 4 * DEPTH * searched(self.items, self.factors)
        return 4 * self.factors * (self.known_users + 2 * self.items) + codes + found

    @property
    def _choosing(self) -> int:
        voices = _VOICES_HELD * 8 * _VOICE_ENTRIES * self.items
        said = min(self.items, _VOICE_ENTRIES * self.interactions // max(1, self.users))
        dense = 3 * 8 * self.items**2 if self.items <= LARGEST_CATALOGUE else 0
        return 16 * self.interactions + self._sides + max(voices + _PORTION_USERS * 60 * said, dense)


def affordable_factors(size: TrainingSize, available: int | None) -> int:
    """The most factors, up to the size's own, whose training fits into what there is.

    Raises:
        Refused: `training_too_large` if not even one factor does.
    """
    if available is None or size.bytes <= available:
        return size.factors
    refuse_beyond(replace(size, factors=1), available)
    return _most_that_fit(size, available)


def refuse_beyond(size: TrainingSize, available: int | None) -> None:
    """Refuse a training that does not fit into what there is; `None` is as much as it wants.

    Raises:
        Refused: `training_too_large`, saying what it needs, what there is, and how many factors would fit.
    """
    if available is None or size.bytes <= available:
        return
    need, have = -(-size.bytes // _MIB), available // _MIB
    raise Refused(
        "training_too_large",
        f"Training {size.users} users and {size.items} items with {size.factors} factors needs about {need} MiB; "
        f"{have} MiB may be used.",
        field="als.factors",
        fix=_fix(size, available),
        context={"needed_mib": need, "available_mib": have},
    )


def _most_that_fit(size: TrainingSize, available: int) -> int:
    """The most factors, fewer than the size's own; 0 if not even one fits."""
    return max((k for k in range(1, size.factors) if replace(size, factors=k).bytes <= available), default=0)


def _fix(size: TrainingSize, available: int) -> str:
    fitting = _most_that_fit(size, available)
    fewer = f"Set als.factors to {fitting} or fewer, or free" if fitting else "Free"
    off = ", set als.blend to off" if size.is_blended else ""
    return f"{fewer} memory{off}, or raise als.memory_limit_mib where that is what limits it."
