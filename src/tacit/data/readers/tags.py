"""From the words people attach to items to an item's tags, and for music to its genres and moods."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

MAX_TAGS = 10
MAX_GENRES = 3
MAX_MOODS = 3
MIN_VOTES = 2
ALWAYS_KEPT = 3
"""This many of an item's most frequent tags count even if one person alone gave each."""

GENRES: Mapping[str, str] = {
    "Rock": "rock, classic rock, hard rock, pop rock, soft rock, rock n roll, rock and roll, progressive rock, "
    "psychedelic rock, blues rock, southern rock, garage rock, glam rock, space rock, stoner rock, grunge, "
    "post grunge, art rock, album rock, brazilian rock, j rock, rockabilly, piano rock, acoustic rock",
    "Alternative": "alternative, alternative rock, new wave, britpop, post punk, shoegaze, college rock, noise rock, "
    "experimental, avant garde, post rock, noise, math rock",
    "Indie": "indie, indie rock, indie pop, indie folk, lo fi, twee, dream pop, dreampop, indietronica, noise pop",
    "Pop": "pop, power pop, powerpop, teen pop, j pop, jpop, k pop, latin pop, dance pop, electropop, electro pop, "
    "80s pop, pop dance, top 40, disney, new romantic",
    "Electronic": "electronic, electronica, electro, synthpop, synth pop, idm, techno, minimal, trip hop, downtempo, "
    "glitch, breakbeat, drum and bass, dubstep, breakcore, electroclash, synth, dub, nu jazz",
    "Dance": "dance, house, trance, disco, eurodance, club, progressive trance, psytrance, psychedelic trance, "
    "vocal trance, goa, new rave, electro house, dance music",
    "Metal": "metal, heavy metal, thrash metal, death metal, black metal, power metal, doom metal, progressive metal, "
    "melodic death metal, symphonic metal, gothic metal, nu metal, metalcore, deathcore, hair metal, glam metal, "
    "alternative metal, industrial metal, folk metal, viking metal, speed metal, groove metal, nwobhm, grindcore, "
    "brutal death metal, technical death metal, female fronted metal, mathcore, sludge",
    "Punk": "punk, punk rock, pop punk, hardcore punk, proto punk, ska, ska punk, riot grrrl, straight edge",
    "Hardcore and emo": "hardcore, post hardcore, emo, emocore, screamo, melodic hardcore",
    "Gothic and industrial": "gothic, gothic rock, goth, darkwave, ebm, industrial, industrial rock, dark electro, "
    "futurepop, electro industrial, visual kei",
    "Hip-hop": "hip hop, rap, gangsta rap, underground hip hop, instrumental hip hop, rapcore, crunk, old school rap",
    "R&B and soul": "rnb, r&b, soul, funk, rhythm and blues, neo soul, motown, gospel, urban",
    "Jazz": "jazz, acid jazz, swing, bossa nova, smooth jazz, vocal jazz, jazz fusion, big band",
    "Blues": "blues, delta blues, electric blues, chicago blues",
    "Folk": "folk, singer songwriter, folk rock, acoustic, americana, celtic, anti folk, freak folk, chamber pop",
    "Country": "country, classic country, alt country, bluegrass, country rock",
    "Classical": "classical, composer, piano, opera, contemporary classical, modern classical, baroque",
    "Ambient": "ambient, dark ambient, drone, new age, chillout, lounge, psychill, easy listening",
    "Reggae": "reggae, dancehall, roots reggae, ragga, jamaican",
    "Latin": "latin, mpb, brazilian, salsa, spanish, reggaeton, samba, latin rock, flamenco",
    "World": "world, world music, ethnic, arabic, afrobeat, chanson francaise, turkish, balkan",
    "Soundtrack": "soundtrack, musical, broadway, score, anime, video game music",
}
"""Broad genre to the tags (as `plain` writes them) that vote for it."""

MOODS: Mapping[str, str] = {
    "Heartbreak": "sad, heartbroke, heartbreak, heart, breakup songs, breakup music, makes me cry, music to cry, emo, "
    "ballad, brings tears to my eyes, excellent reason for crying, torch songs",
    "Party": "party, club, dance party, party time, dance, danceable, disco, eurodance, house, club classics, "
    "makes me wanna dance, 80s party, electro house",
    "Chill": "chillout, chill, chill zone, chill out, mellow, downtempo, relax, relaxing, lounge, trip hop, chillwave, "
    "easy listening, late night tunes, just chillin, smooth, psychill",
    "Motivation": "epic, powerful, inspirational, inspiration, inspiring, uplifting, motivational, girl power, "
    "power metal, legend, legends, anthem",
    "Focus": "instrumental, for work, post rock, idm, minimal, piano, classical, study, concentration, "
    "modern classical, guitar virtuoso, contemporary classical",
    "Happy": "happy, fun, feel good, just makes you feel good, makes me happy, songs to feel happy to, catchy, "
    "singalong, cheerful, cute, sweet, funny, ska, twee",
    "Melancholy": "melancholic, melancholy, miserable, sadness, dark, depressive, emotional, rain, gloomy, slowcore, "
    "moody, haunting, doom metal, darkwave",
    "Romantic": "romantic, love, love songs, love song, romantica, sexy, sensual, inlove, slowies, romantic rock, "
    "bossa nova, slow jams",
    "Workout": "energetic, energy, hard, techno, trance, drum and bass, workout, running, gym, metalcore, nu metal, "
    "groove metal, adrenaline, hardstyle, electro",
    "Sleep": "ambient, drone, dreamy, dream, ethereal, new age, calm, calming, soothing, sleep, lullaby, atmospheric, "
    "dream pop, dreampop, peaceful",
    "Nostalgic": "nostalgic, nostalgia, memories, childhood memories, my childhood, soundtrack of my childhood, "
    "brings back memories, good old times, oldies, 50s, 60s, 70s, 80s, old school, new wave and eighties",
    "Road trip": "driving music, drive, driving, road trip, smooth night driving, summer, summer song, summer time, "
    "southern rock, americana, country rock, rock n roll, rock and roll, travel, california",
}
"""Mood to the tags that vote for it; a tag may speak for a genre and for moods."""


def ranked(votes: Mapping[str, int]) -> list[tuple[str, int]]:
    """The tags worth showing, most frequent first, ties by name.

    A tag that one person gave says little, so it counts only among the item's `ALWAYS_KEPT` most frequent.
    """
    by_votes = sorted(votes.items(), key=lambda pair: (-pair[1], pair[0]))
    kept = [pair for rank, pair in enumerate(by_votes) if pair[1] >= MIN_VOTES or rank < ALWAYS_KEPT]
    return kept[:MAX_TAGS]


def plain(tag: str) -> str:
    """A tag as the tables above write it: lower case, words parted by one space (`Hip-Hop` becomes `hip hop`)."""
    return re.sub(r"[\s_-]+", " ", tag.lower()).strip()


def music_categories(tags: Sequence[tuple[str, int]]) -> tuple[str, ...]:
    """An artist's genres, then moods, each by the votes of the tags that speak for them."""
    return (*_strongest(tags, _GENRES_OF, MAX_GENRES), *_strongest(tags, _MOODS_OF, MAX_MOODS))


def _strongest(tags: Iterable[tuple[str, int]], groups_of: Mapping[str, tuple[str, ...]], most: int) -> Iterator[str]:
    votes: dict[str, int] = {}
    for tag, count in tags:
        for group in groups_of.get(plain(tag), ()):
            votes[group] = votes.get(group, 0) + count
    yield from sorted(votes, key=lambda group: -votes[group])[:most]


def _groups_by_tag(tags_of: Mapping[str, str]) -> Mapping[str, tuple[str, ...]]:
    groups: dict[str, tuple[str, ...]] = {}
    for group, tags in tags_of.items():
        for tag in tags.split(", "):
            groups[tag] = (*groups.get(tag, ()), group)
    return groups


_GENRES_OF = _groups_by_tag(GENRES)
_MOODS_OF = _groups_by_tag(MOODS)
