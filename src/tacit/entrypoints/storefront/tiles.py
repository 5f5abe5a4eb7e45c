"""What a page shows of a list: its tiles with their reasons, and an honest word on where it comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tacit.entrypoints.storefront.wording import Wording
from tacit.serving.answers import Answer, ItemView, Recommendation

MAX_REASONS = 2
MAX_CATEGORIES_SHOWN = 2
FIRST_CATEGORIES = 8

_OWN = ("personal", "blended", "similar")
_LATE = "This list may not know the latest yet; it is the best there is at the moment."
_BLENDED = "Little is known here yet, so this list mixes personal picks with what is popular."


@dataclass(frozen=True)
class Tile:
    """One item as it is shown.

    Attributes:
        because: Titles of what speaks for it, the strongest first.
        facts: What else is said of it, in a few words each.
        score: What its list is ordered by.
    """

    item_id: str
    title: str
    categories: tuple[str, ...]
    because: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    score: float = 0.0


@dataclass(frozen=True)
class Choice:
    """Categories to narrow a list to.

    Attributes:
        first: Those in sight, the chosen one always among them.
        rest: Those behind a fold, in alphabetical order.
        chosen: The one the list is narrowed to.
    """

    first: tuple[str, ...]
    rest: tuple[str, ...]
    chosen: str | None


Facts = Callable[[str], tuple[str, ...]]
"""What else is said of an item, by its id."""


def no_facts(item_id: str) -> tuple[str, ...]:
    """`Facts` where nothing else is shown."""
    return ()


def tiles_of(
    items: Iterable[Recommendation], *, category: str | None = None, facts: Facts = no_facts
) -> tuple[Tile, ...]:
    """The tiles of a list; the category it is narrowed to stands first on each."""
    return tuple(_tile(item, category, facts) for item in items)


def tiles_of_views(items: Iterable[ItemView], *, facts: Facts = no_facts) -> tuple[Tile, ...]:
    """The tiles of items that are no list's."""
    shown = MAX_CATEGORIES_SHOWN
    return tuple(Tile(each.item_id, each.title, each.categories[:shown], (), facts(each.item_id)) for each in items)


def interleaved(lists: Sequence[Sequence[ItemView]], *, most: int) -> tuple[ItemView, ...]:
    """The first of each, the second of each, and on, each item once."""
    longest = max(map(len, lists), default=0)
    ordered = (each[at] for at in range(longest) for each in lists if at < len(each))
    return tuple({item.item_id: item for item in ordered}.values())[:most]


def choice_of(categories: Sequence[tuple[str, int]], chosen: str | None) -> Choice:
    """Put the largest categories in sight and fold the others away."""
    names = [name for name, _ in categories]
    first = names[:FIRST_CATEGORIES]
    if chosen in names and chosen not in first:
        first = [*first[:-1], chosen]
    return Choice(tuple(first), tuple(sorted(set(names) - set(first), key=str.casefold)), chosen)


def notice_of(answer: Answer, *, wanted: str, wording: Wording) -> str | None:
    """What has to be said about a list that is not the one that was wanted; `None` if it is.

    Args:
        answer: The list.
        wanted: The source that should have answered.
        wording: What things are called here.
    """
    if answer.source == wanted and not answer.degraded:
        return None
    if answer.source in _OWN:
        return _LATE if answer.degraded else _BLENDED
    instead = "popular"
    if answer.source == "category":
        # A personal list that fails is stood in for by the category that a history is most about.
        instead = "popular in a category that fits" if wanted == "personal" else "popular in this category"
    if answer.rehearsed:
        return f"Today this is what is {instead}: a few lists a day are made the simpler way, to keep it in use."
    if answer.degraded:
        missing = {
            "similar": f"similar {wording.items}",
            "category": f"{wording.items} of this category",
            "mood": f"{wording.items} for this mood",
            "trending": "what is rising",
            "discovery": "draws",
        }
        return f"Showing what is {instead} while {missing.get(wanted, 'personal picks')} are unavailable."
    if wanted == "trending":
        return "Nothing stands out in the last days, so this is what most people know."
    return f"Too little is known here for a list of its own, so this is what is {instead}."


def _tile(item: Recommendation, category: str | None, facts: Facts) -> Tile:
    categories = sorted(item.categories, key=lambda name: name != category)[:MAX_CATEGORIES_SHOWN]
    because = tuple(each.title for each in item.because[:MAX_REASONS])
    return Tile(item.item_id, item.title, tuple(categories), because, facts(item.item_id), item.score)
