"""What the pages call things: artists to listeners, films to viewers, courses to learners, items to everyone else."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wording:
    """The nouns and phrases of one trade.

    Attributes:
        item: One item of the catalogue.
        items: Several.
        person: Somebody with a history.
        history: Heading over what they already know.
        own: What somebody's own list is called.
    """

    item: str = "item"
    items: str = "items"
    person: str = "visitor"
    history: str = "Has chosen"
    own: str = "Your next pick"


MUSIC = Wording("artist", "artists", "listener", history="Listens to", own="Your next listen")
FILMS = Wording("film", "films", "viewer", history="Has watched", own="Your next film")
COURSES = Wording("course", "courses", "learner", history="Has taken", own="Your next course")
ANYTHING = Wording()

_PROFILES = {"lectures": COURSES, "movies": FILMS}
"""By the profile of events; the one that is set where nobody chose says nothing of what there is."""

_TRADES = {
    "hetrec": MUSIC,
    "lastfm": MUSIC,
    "synthetic-listening": MUSIC,
    "movielens": FILMS,
    "ml-": FILMS,
    "coco": COURSES,
}


def wording_of(dataset: str, profile: str = "") -> Wording:
    """The wording for a dataset, by the name its reader gives it; where that says nothing, by the profile of events."""
    told = (wording for prefix, wording in _TRADES.items() if dataset.startswith(prefix))
    return next(told, _PROFILES.get(profile, ANYTHING))


def is_synthetic(dataset: str) -> bool:
    """Whether a dataset is invented, which every page that shows it has to say."""
    return dataset.startswith("synthetic")
