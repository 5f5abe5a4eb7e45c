"""Moods: what each is called, and by which words of the catalogue it is known; editable, with twelve to begin with.

A mood invents nothing.  It names categories and tags that items bear, with how much each says, and perhaps items that
somebody picked; what suits it is found in the version that answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tacit.data.texts import normal_form, text_problem
from tacit.data.validation import escaped
from tacit.errors import BadInput, NotFound

MOST_MOODS = 100
MOST_WORDS = 50
MOST_SEEDS = 50
_LONGEST_TITLE = 100
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)
_LONGEST_NAME = 40
_FIELDS = ("title", "words", "seeds")


@dataclass(frozen=True, slots=True)
class Mood:
    """A mood as somebody defined it.

    Attributes:
        name: Names it in addresses: `heartbreak`.
        title: What a person calls it.
        words: Categories and tags, whatever their case, each with how much it says, in (0, 1].
        seeds: Items that somebody picked for it, which come first; none to have the best of its words stand for it.
        is_default: Whether it is as it was shipped.
    """

    name: str
    title: str
    words: tuple[tuple[str, float], ...] = ()
    seeds: tuple[str, ...] = ()
    is_default: bool = False

    def is_called(self, said: str) -> bool:
        """Whether somebody means this mood by a word of theirs."""
        return said.casefold() in (self.name, self.title.casefold())


class MoodStore(Protocol):
    """What was said of moods, durably, above those that were shipped."""

    def moods(self) -> Sequence[Mood]:
        """Every mood that was said something of, by name."""
        ...

    def put(self, mood: Mood, *, at_ms: int) -> None:
        """Keep a mood in the place of what was said of it before.

        Raises:
            Unavailable: It cannot be kept now.
        """
        ...

    def remove(self, name: str) -> bool:
        """Forget what was said of a mood; whether anything was."""
        ...


def mood_of(name: str, said: Mapping[str, object]) -> Mood:
    """A mood as somebody sent it.

    Raises:
        BadInput: `field_unknown`, `field_missing`, `type`, `too_many_items`, `value_range`, or the code of a text.
    """
    for field in said:
        if field not in _FIELDS:
            raise BadInput("field_unknown", "There is no such field.", field=escaped(field), fix=_SHAPE)
    words, seeds = _words(said.get("words", {})), _seeds(said.get("seeds", []))
    if not words and not seeds:
        raise BadInput("field_missing", "A mood needs words or seeds to be known by.", field="words", fix=_SHAPE)
    title = said.get("title", name.replace("-", " ").capitalize())
    return Mood(name, _text(title, "title", most=_LONGEST_TITLE), words, seeds)


def checked_name(name: str) -> str:
    """The name of a mood, as addresses have it.

    Raises:
        BadInput: `mood_name_invalid`.
    """
    if len(name) > _LONGEST_NAME or not _NAME.fullmatch(name):
        raise BadInput(
            "mood_name_invalid",
            f"A mood's name is up to {_LONGEST_NAME} small letters, digits and single hyphens between them.",
            field="mood",
            fix="Send one such as road-trip; its title may be anything.",
        )
    return name


def mood_unknown(known: Sequence[str]) -> NotFound:
    fix = f"There are {', '.join(known[:MOST_MOODS])}." if known else "PUT /api/v1/moods/{mood} makes one."
    return NotFound("mood_unknown", "There is no such mood.", field="mood", fix=fix)


_SHAPE = 'Send {"title": "…", "words": {"sad": 1, "slow": 0.5}, "seeds": ["…"]}.'


def _words(given: object) -> tuple[tuple[str, float], ...]:
    if isinstance(given, list):
        given = {_text(word, "words"): 1 for word in given}
    if not isinstance(given, dict):
        raise BadInput("type", "words is neither an object nor an array.", field="words", fix=_SHAPE)
    if len(given) > MOST_WORDS:
        raise BadInput("too_many_items", f"words has {len(given)}; the most are {MOST_WORDS}.", field="words")
    found = {_text(word, "words").casefold(): _weight(weight) for word, weight in given.items()}
    return tuple(found.items())


def _weight(given: object) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise BadInput("type", "What a word says is a number.", field="words", fix=_SHAPE)
    if not 0 < given <= 1:
        raise BadInput("value_range", "What a word says is above 0 and at most 1.", field="words", fix=_SHAPE)
    return float(given)


def _seeds(given: object) -> tuple[str, ...]:
    if not isinstance(given, list):
        raise BadInput("type", "seeds is no array of ids.", field="seeds", fix=_SHAPE)
    if len(given) > MOST_SEEDS:
        raise BadInput("too_many_items", f"seeds has {len(given)}; the most are {MOST_SEEDS}.", field="seeds")
    return tuple(dict.fromkeys(_text(each, "seeds") for each in given))


def _text(given: object, field: str, *, most: int | None = None) -> str:
    if not isinstance(given, str):
        raise BadInput("type", f"{field} holds something that is no string.", field=field, fix=_SHAPE)
    text = normal_form(given)
    problem = text_problem(text) or (None if text.strip() else "id_empty")
    if most is not None and len(text) > most:
        problem = "text_too_long"
    if problem:
        detail = f"{field} holds a text that is empty, too long, or has characters that cannot be shown."
        raise BadInput(problem, detail, field=field, fix=_SHAPE)
    return text
