"""Which version answers whom: users are split by a salted hash, so that each stays where they are (pure)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate
from math import isclose
from types import MappingProxyType
from typing import Protocol

CHAMPION_ARM = "champion"
"""The arm of those who meet the champion while another version is tried on others."""

CANARY_ARM = "canary"
"""The arm of those who meet the version that is on its way to everybody."""

_HASHED_BITS = 53  # as many as a double holds exactly


@dataclass(frozen=True, slots=True)
class Arm:
    """A part of the users, and what answers them.

    Attributes:
        name: What it is called in counts and reports.
        share: How many of the users it gets, from 0 to 1.
        version: The version that answers; `None` for whichever is champion.
        settings: Serving settings that are other for this arm, by their dotted names (`coldstart.personal_from`).
    """

    name: str
    share: float
    version: int | None = None
    settings: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Split:
    """How users are divided among arms.

    Attributes:
        split_id: Names it, and salts the hash: `rollout-12`, `ab-7`.  While it stays the same, so do the users' places.
        stage: Within what it counts: `canary-5`, then `canary-25`.  Counts of different stages are kept apart.
        arms: At least one, in an order that stays; their shares sum to 1.

    Raises:
        ValueError: The shares do not sum to 1, or a name is there twice.
    """

    split_id: str
    stage: str
    arms: tuple[Arm, ...]

    def __post_init__(self) -> None:
        if not isclose(sum(arm.share for arm in self.arms), 1.0, abs_tol=1e-9):
            raise ValueError("the shares of the arms do not sum to 1")
        if len({arm.name for arm in self.arms}) != len(self.arms):
            raise ValueError("two arms have the same name")

    def arm_of(self, user_id: str) -> Arm:
        """The arm of a user: always the same one for the same id, shares and order of arms.

        An arm that grows, while those before it keep their shares or shrink into it, keeps all its users.
        """
        place = bucket(self.split_id, user_id)
        ends = accumulate(arm.share for arm in self.arms)
        return next((arm for arm, end in zip(self.arms, ends, strict=True) if place < end), self.arms[-1])


@dataclass(frozen=True, slots=True)
class Place:
    """Where one answer came from while users were divided.

    Attributes:
        split_id: The split.
        stage: Its stage.
        arm: The arm.
    """

    split_id: str
    stage: str
    arm: str


@dataclass(frozen=True, slots=True)
class Shadow:
    """A version that is asked what others are asked, and whose answers nobody sees.

    Attributes:
        split_id: Names whatever it is tried for: `rollout-12`.
        version: The version.
        share: How many of the requests it gets, from 0 to 1.
    """

    split_id: str
    version: int
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class TrafficPlan:
    """What every serving process of a model does with its requests.

    Attributes:
        revision: Grows with every change; 0 where nothing was ever planned.
        split: How users are divided; `None` while the champion answers everybody.
        shadow: What is asked in secret.
    """

    revision: int = 0
    split: Split | None = None
    shadow: Shadow | None = None


class TrafficStore(Protocol):
    """Keeps the plan that all serving processes follow; each looks every second."""

    def plan(self, name: str) -> TrafficPlan:
        """The plan of a model."""
        ...

    def set_split(self, name: str, split: Split | None, *, split_id: str) -> TrafficPlan:
        """Divide users so, or no longer.

        At most one split is in force for a model: two at once would each count the other's effect as its own.

        Args:
            name: The model.
            split: The new one; `None` to have the champion answer everybody.
            split_id: Who asks; only the split of this id, or none, may be replaced.

        Raises:
            Refused: `traffic_taken` if a split of another id is in force.
        """
        ...

    def set_shadow(self, name: str, shadow: Shadow | None, *, split_id: str) -> TrafficPlan:
        """Ask a version in secret, or no longer; only the shadow of this id, or none, may be replaced.

        Raises:
            Refused: `traffic_taken`.
        """
        ...


def bucket(salt: str, user_id: str) -> float:
    """Where a user stands in [0, 1): even over users, and independent from one salt to another.

    BLAKE2b keyed by the salt, cut to 53 bits; about a microsecond.
    """
    hashed = hashlib.blake2b(user_id.encode("utf-8", "surrogatepass"), digest_size=8, key=_key_of(salt)).digest()
    return float((int.from_bytes(hashed, "big") >> (64 - _HASHED_BITS)) / 2**_HASHED_BITS)


@lru_cache(maxsize=64)
def _key_of(salt: str) -> bytes:
    """The key of a salt; there are few at a time, and a digest by OpenSSL takes longer than the rest."""
    return hashlib.sha256(salt.encode("utf-8", "surrogatepass")).digest()
