"""What each version is to users now: a version may have several roles, and a role several versions (pure)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Literal

from tacit.registry.interfaces import VersionStore
from tacit.registry.ledger import champions
from tacit.rollout.traffic import CANARY_ARM, TrafficPlan

Role = Literal["champion", "previous", "challenger", "shadow", "canary", "trial", "pinned"]
"""`trial` is a version that an arm of an experiment answers from."""


def roles_of(versions: VersionStore, name: str, plan: TrafficPlan) -> Mapping[int, tuple[Role, ...]]:
    """The roles of every version that has one, as ledger, pins and traffic plan tell them."""
    found: dict[int, list[Role]] = {}
    for number, role in _told(versions, name, plan):
        if role not in found.setdefault(number, []):
            found[number].append(role)
    return {number: tuple(roles) for number, roles in sorted(found.items())}


def in_traffic(plan: TrafficPlan) -> Collection[int]:
    """The versions that a traffic plan names, so that they must stay deployable."""
    return {number for number, _ in _planned(plan)}


def _told(versions: VersionStore, name: str, plan: TrafficPlan) -> Iterator[tuple[int, Role]]:
    stack = champions(versions.promotions(name))
    yield from zip(reversed(stack[-2:]), ("champion", "previous"), strict=False)
    challenger = versions.challenger(name)
    if challenger is not None:
        yield challenger, "challenger"
    yield from _planned(plan)
    yield from ((pin.number, "pinned") for pin in versions.pins(name))


def _planned(plan: TrafficPlan) -> Iterator[tuple[int, Role]]:
    if plan.shadow is not None:
        yield plan.shadow.version, "shadow"
    for arm in plan.split.arms if plan.split is not None else ():
        if arm.version is not None:
            yield arm.version, "canary" if arm.name == CANARY_ARM else "trial"
