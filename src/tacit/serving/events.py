"""What happened while serving, in the past tense, for whoever keeps the log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tacit.rollout.traffic import Place, TrafficPlan
from tacit.serving.answers import Source


@dataclass(frozen=True)
class VersionLoaded:
    """A version was verified, loaded and asked, and answers from now on.

    Attributes:
        version: `recommender/3`.
        replaced: The version that answered until then.
        seconds: How long verifying and loading took.
    """

    version: str
    replaced: str | None
    seconds: float


@dataclass(frozen=True)
class VersionRefused:
    """A version did not verify, load or answer; what answered before goes on.

    Attributes:
        serving: The version that answers meanwhile; `None` if there is none.
    """

    version: str
    code: str
    detail: str
    serving: str | None


@dataclass(frozen=True)
class RegistryLost:
    """The registry could not be asked for the champion; told once until it can."""

    code: str
    detail: str


@dataclass(frozen=True)
class RetrieverFailed:
    """A step of the fallback chain raised, and the next one answered."""

    source: Source
    version: str
    error: Exception


@dataclass(frozen=True)
class ArmFailed:
    """The version of an arm failed otherwise than in a step of its chain, and the champion answered."""

    version: str
    place: Place
    error: Exception


@dataclass(frozen=True)
class TrafficRouted:
    """Another plan is in force, as far as what it takes is at hand."""

    plan: TrafficPlan


@dataclass(frozen=True)
class TrafficLost:
    """The plan could not be read; the last one stays in force; told once until it can."""

    code: str
    detail: str


@dataclass(frozen=True)
class CountsUnkept:
    """What was counted of arms could not be handed on; it is kept, and tried again; told once a minute."""

    code: str
    detail: str


ServingEvent = (
    VersionLoaded
    | VersionRefused
    | RegistryLost
    | RetrieverFailed
    | ArmFailed
    | TrafficRouted
    | TrafficLost
    | CountsUnkept
)
Observer = Callable[[ServingEvent], None]


def unobserved(event: ServingEvent) -> None:
    """An `Observer` for whoever does not want to know."""
