"""Names for artists that do not exist, from words that are harmless in any order."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

FIRST_WORDS = (
    "Amber", "Azure", "Brass", "Cobalt", "Copper", "Coral", "Crimson", "Crystal", "Distant", "Drifting",
    "Electric", "Ember", "Emerald", "Faded", "Feathered", "Floating", "Foggy", "Frosted", "Gentle", "Gilded",
    "Glass", "Golden", "Hazel", "Hollow", "Indigo", "Ivory", "Jade", "Lantern", "Lilac", "Linen", "Lunar",
    "Mapled", "Marble", "Meadow", "Mellow", "Midday", "Mirrored", "Misty", "Mossy", "Neon", "Nimble",
    "Northern", "Opal", "Orbiting", "Paper", "Pastel", "Pearl", "Quartz", "Quiet", "Rainy", "Rustling",
    "Saffron", "Sapphire", "Scarlet", "Silver", "Slow", "Solar", "Sparkling", "Starlit", "Sunlit", "Velvet",
    "Violet", "Wandering", "Winter",
)  # fmt: skip
LAST_WORDS = (
    "Almanacs", "Anchors", "Apricots", "Archways", "Atlases", "Badgers", "Balconies", "Barometers", "Beacons",
    "Biscuits", "Bridges", "Canals", "Carousels", "Chimneys", "Clocks", "Compasses", "Cranes", "Cyclists",
    "Dominoes", "Drummers", "Elevators", "Ferries", "Finches", "Fountains", "Galaxies", "Gardens", "Gondolas",
    "Harbors", "Herons", "Horizons", "Islands", "Kettles", "Kites", "Lanterns", "Lighthouses", "Magnets",
    "Mailboxes", "Marmots", "Meridians", "Meteors", "Mittens", "Orchards", "Otters", "Pavilions", "Pelicans",
    "Pendulums", "Picnics", "Planets", "Postcards", "Quarries", "Rivers", "Sailors", "Satellites", "Sparrows",
    "Staircases", "Sundials", "Teapots", "Tides", "Tramways", "Umbrellas", "Valleys", "Voyagers", "Windmills",
    "Zeppelins",
)  # fmt: skip
PATTERNS = ("{0} {1}", "The {0} {1}", "{0} {1} Ensemble", "{0} {1} Club")


def artist_names(rng: np.random.Generator, count: int) -> list[str]:
    """`count` different names; a number is added once every pair of words is used up."""
    pairs = list(product(FIRST_WORDS, LAST_WORDS))
    return [_name(pairs, int(at), rng.integers(len(PATTERNS))) for at in _distinct(rng, len(pairs), count)]


def _distinct(rng: np.random.Generator, most: int, count: int) -> Iterator[int]:
    """Positions that never repeat; those at or beyond `most` stand for later rounds."""
    for start in range(0, count, most):
        yield from (start + rng.permutation(most)[: count - start]).tolist()


def _name(pairs: list[tuple[str, str]], at: int, pattern: np.int64) -> str:
    rounds, pair = divmod(at, len(pairs))
    name = PATTERNS[pattern].format(*pairs[pair])
    return name if rounds == 0 else f"{name} {rounds + 1}"
