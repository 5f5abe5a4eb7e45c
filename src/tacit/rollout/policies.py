"""Which of two questions a candidate is asked: whether it is better, or whether it is as good and newer (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isnan, nan
from typing import Literal

from tacit.errors import BadInput

PolicyName = Literal["first", "improve", "refresh"]

_CHANCE = frozenset({"seed", "engine", "threads"})
"""Parts of a recipe that say nothing of what is learnt, but by chance."""


@dataclass(frozen=True)
class Policy:
    """What is asked of a candidate against the champion.

    Attributes:
        name: `improve`: to be clearly better; `refresh`: to be no worse, and to know more recent data; `first`:
            nothing, since there is no champion to compare with.
        reason: Why this one, as a sentence.
    """

    name: PolicyName
    reason: str


@dataclass(frozen=True)
class Succession:
    """How a candidate stands to the champion that it may succeed.

    Attributes:
        is_newer: Whether it learnt from data that the champion does not know.
        newer: What of, or why not, as a sentence.
        age_days: How long ago the champion was trained; NaN where that cannot be told.
        is_refit: Whether both were made by the same recipe, chance apart.
    """

    is_newer: bool
    newer: str
    age_days: float
    is_refit: bool

    @classmethod
    def of(
        cls,
        facts: Mapping[str, object],
        champion: Mapping[str, object],
        *,
        recipes: tuple[Mapping[str, object], object],
        trained_at: str,
        now: str,
    ) -> Succession:
        """Compare what two versions learnt from, and how.

        Args:
            facts: What the candidate's manifest will say of its data.
            champion: What the champion's says.
            recipes: How the candidate was made, and what the champion's gate record says of how it was; a champion of
                the time before recipes were recorded counts as made in the same way, lest it could never be refreshed.
            trained_at: When the champion was made, ISO 8601.
            now: The time, likewise.
        """
        is_newer, newer = _newer(facts, champion)
        ours, theirs = recipes
        is_refit = not isinstance(theirs, Mapping) or _agree(ours, theirs)
        return cls(is_newer, newer, _days_between(trained_at, now), is_refit)


def check_policy(name: str) -> Literal["auto", "improve", "refresh"]:
    """The policy of a name that somebody gave.

    Raises:
        BadInput: `policy_unknown`.
    """
    for known in ("auto", "improve", "refresh"):
        if name == known:
            return known
    raise BadInput(
        "policy_unknown",
        f"There is no gate policy {ascii(name)[:64]}.",
        field="policy",
        fix="Say auto, improve or refresh.",
    )


def choose_policy(asked: str, succession: Succession | None, *, min_age_days: float) -> Policy:
    """The policy asked for; with `auto`, the one that suits how the candidate came about.

    A refit of the champion's recipe on newer data is asked to be no worse once the champion is old enough: asking for
    a lift of all of them would keep users on old data for ever.  All others, and refits in quick succession, of which
    each might be a little worse than the one before, are asked to be better.
    """
    if succession is None:
        return Policy("first", "There is no champion to compare with.")
    if asked == "improve":
        return Policy("improve", "It was asked for.")
    if asked == "refresh":
        return Policy("refresh", "It was asked for.")
    if not succession.is_refit:
        return Policy("improve", "It was made by another recipe than the champion.")
    if not succession.is_newer:
        return Policy("improve", f"It is made as the champion was, and {succession.newer}.")
    if not succession.age_days >= min_age_days:
        age, needed = days(succession.age_days), days(min_age_days)
        return Policy("improve", f"The champion is {age} old; a refit is a refresh from {needed} on.")
    return Policy("refresh", f"It is made as the champion was, and {succession.newer}.")


def days(number: float) -> str:
    """So many days, for a sentence."""
    if isnan(number):
        return "an unknown number of days"
    return "1 day" if number == 1 else f"{number:.3g} days"


def _newer(facts: Mapping[str, object], champion: Mapping[str, object]) -> tuple[bool, str]:
    """Whether data reach further than others, and how, for a sentence; data that end earlier are never newer."""
    ours, theirs = (_whole(each.get("watermark_ms")) for each in (facts, champion))
    if ours is not None and theirs is not None and ours != theirs:
        later = "later" if ours > theirs else "earlier"
        return ours > theirs, f"its data end {days(abs(ours - theirs) / 86_400_000)} {later}"
    turns = (_whole(facts.get("events_turn")) or 0) - (_whole(champion.get("events_turn")) or 0)
    if turns > 0:
        return True, f"it knows {turns} more events"
    more = _names(facts.get("imports")) - _names(champion.get("imports"))
    if more:
        return True, f"it learnt from {len(more)} more {'import' if len(more) == 1 else 'imports'}"
    return False, "it learnt from nothing that the champion does not know"


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _names(value: object) -> set[str]:
    return {str(each) for each in value} if isinstance(value, Iterable) and not isinstance(value, str) else set()


def _agree(ours: Mapping[str, object], theirs: Mapping[str, object]) -> bool:
    """Whether two recipes say the same of all that both speak of; a release may bring parts that others lack."""
    return all(ours[part] == theirs[part] for part in (ours.keys() & theirs.keys()) - _CHANCE)


def _days_between(earlier: str, later: str) -> float:
    try:
        began, ended = (datetime.fromisoformat(each) for each in (earlier, later))
    except ValueError:
        return nan
    began, ended = (each if each.tzinfo else each.replace(tzinfo=UTC) for each in (began, ended))
    return (ended - began).total_seconds() / 86_400
