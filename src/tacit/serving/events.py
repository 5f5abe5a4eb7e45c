"""What happened while serving, in the past tense, for whoever keeps the log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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


ServingEvent = VersionLoaded | VersionRefused | RegistryLost | RetrieverFailed
Observer = Callable[[ServingEvent], None]


def unobserved(event: ServingEvent) -> None:
    """An `Observer` for whoever does not want to know."""
