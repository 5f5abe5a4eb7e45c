"""The moods that every installation begins with, twelve for each profile: words that real catalogues hold.

Those for music are among the tags that listeners of Last.fm gave most, those for films among MovieLens' genres and
tags, those for lectures among COCO's categories.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tacit.data.moods import Mood


def _mood(title: str, strong: str, weak: str = "") -> Mood:
    """A mood by its title, the words that say it, and those that only hint at it."""
    words = (
        {title.lower(): 1.0} | dict.fromkeys(strong.split(", "), 1.0) | {word: 0.5 for word in weak.split(", ") if word}
    )
    return Mood(title.lower().replace(" ", "-"), title, tuple(words.items()), is_default=True)


_MUSIC = (
    _mood("Heartbreak", "breakup, sad, sadness", "melancholic, emo, ballad, singer-songwriter"),
    _mood("Party", "club, dance, disco", "house, electro, pop, fun, hip-hop"),
    _mood("Chill", "chillout, chill out, lounge, downtempo, calm", "trip-hop, mellow, acoustic, reggae"),
    _mood("Motivation", "epic, uplifting, inspirational, energetic", "power metal, hard rock, rock"),
    _mood("Focus", "study, instrumental, ambient", "classical, post-rock, idm, soundtrack"),
    _mood("Happy", "fun, feel good, cheerful, catchy", "indie pop, pop, funk, summer"),
    _mood("Melancholy", "melancholic, sad, atmospheric", "shoegaze, gothic, acoustic, singer-songwriter"),
    _mood("Romantic", "romance, love, love songs, sexy, sensual", "soul, rnb, ballad, beautiful"),
    _mood("Workout", "energy, drum and bass, techno, trance", "electronic, electro, rap, metalcore, dance"),
    _mood("Sleep", "relaxing, relax, dreamy", "ambient, piano, new age, mellow"),
    _mood("Nostalgic", "nostalgia, oldies, 60s, 70s", "80s, classic rock, new wave, 90s"),
    _mood("Road trip", "driving, driving music, country", "classic rock, rock, folk, americana"),
)

_MOVIES = (
    _mood("Heartbreak", "bittersweet, emotional, sad, melancholy", "drama, romance"),
    _mood("Party", "musical, music, high school", "comedy"),
    _mood("Chill", "feel-good, quirky, sweet, comedy", "romance, animation"),
    _mood("Motivation", "inspirational, sports, boxing, based on a true story", "adventure, war"),
    _mood("Focus", "thought-provoking, documentary, philosophical", "psychology, politics"),
    _mood("Happy", "funny, comedy, will ferrell, disney", "children, animation"),
    _mood("Romance", "romance, love story, chick flick", "drama"),
    _mood("Thrill", "thriller, suspense, twist ending, heist", "crime, mystery"),
    _mood("Fear", "horror, ghosts, disturbing, stephen king", "thriller, dark"),
    _mood("Wonder", "sci-fi, fantasy, space, time travel", "adventure, imax, visually appealing"),
    _mood("Nostalgia", "classic, film-noir, western, christmas", "musical, war"),
    _mood("Family", "children, animation, disney, pixar", "fantasy, adventure"),
)

_LECTURES = (
    _mood("Heartbreak", "personal transformation, happiness, self esteem", "general health, religion and spirituality"),
    _mood("Party", "music, instruments, dance", "lifestyle"),
    _mood("Chill", "lifestyle, arts and crafts, photography", "music, travel"),
    _mood("Motivation", "motivation, personal development, leadership", "influence, productivity"),
    _mood("Focus", "productivity, memory, office productivity", "math and science, academics"),
    _mood("Career", "career development, management, communications", "business, sales"),
    _mood("Founder", "entrepreneurship, home business", "finance, business, marketing"),
    _mood("Maker", "web development, programming languages, mobile apps", "development, game development"),
    _mood("Data", "data and analytics, databases", "math and science, software engineering"),
    _mood("Design", "design, web design, graphic design", "3d and animation, design tools"),
    _mood("Wellbeing", "health and fitness, yoga, meditation, general health", "lifestyle"),
    _mood("World", "language, english, humanities", "religion and spirituality, academics"),
)

DEFAULT_MOODS: Mapping[str, tuple[Mood, ...]] = MappingProxyType(
    {"music": _MUSIC, "movies": _MOVIES, "lectures": _LECTURES}
)
"""By the profile of events."""
