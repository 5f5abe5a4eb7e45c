"""The shapes of moods, charts and draws over the wire."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tacit.data.moods import MOST_SEEDS, MOST_WORDS
from tacit.entrypoints.api.rendering import answer_body
from tacit.entrypoints.api.schemas import AnswerBody
from tacit.serving.browsing import MoodView, Shown
from tacit.serving.mood_profiles import Basis


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class MoodWordBody(_Body):
    """A word that a mood is known by."""

    word: str
    weight: float = Field(gt=0, le=1, description="How much it says.")
    items: int = Field(description="How many items of the version bear it.")


class SeedBody(_Body):
    """An item that stands for a mood."""

    item_id: str
    title: str


class MoodBody(_Body):
    """A mood, and what the loaded version knows of it."""

    mood: str
    title: str
    words: list[MoodWordBody]
    seeds: list[SeedBody] = Field(description="Items that stand for it: picked by somebody, or the best of its words.")
    picked: list[str] = Field(description="Ids of the items that somebody picked.")
    items: int = Field(description="How many items suit it, at most 500.")
    basis: Basis = Field(description="What it rests on.")
    empty_because: str | None = Field(description="Why nothing suits it; null where something does.")
    is_default: bool = Field(description="Whether it is as it was shipped.")
    model_version: str = Field(examples=["recommender/3"])


class MoodsBody(_Body):
    """Every mood."""

    moods: list[MoodBody]


class ChartBody(AnswerBody):
    """A chart."""

    chart: Literal["overall", "category", "trending"] = Field(
        description="Which it is; where nothing is known to rise, a trending chart is the overall one."
    )


class DiscoveryBody(AnswerBody):
    """Something drawn."""

    seed: str = Field(description="Draws the same again, for as long as the version answers.")


MOOD_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {
                        "title": {"type": "string", "description": "What a person calls it; else its name."},
                        "words": {
                            "description": "Categories and tags, with how much each says; in a list, each says all.",
                            "anyOf": [
                                {
                                    "type": "object",
                                    "maxProperties": MOST_WORDS,
                                    "additionalProperties": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
                                },
                                {"type": "array", "maxItems": MOST_WORDS, "items": {"type": "string"}},
                            ],
                        },
                        "seeds": {
                            "type": "array",
                            "maxItems": MOST_SEEDS,
                            "items": {"type": "string", "description": "Id of an item."},
                        },
                    },
                },
                "example": {"title": "Rainy day", "words": {"mellow": 1, "piano": 0.5}, "seeds": []},
            }
        },
    }
}
"""A mood as the body of a request."""


def mood_body(view: MoodView) -> dict[str, Any]:
    """A mood as plain values."""
    profile, mood = view.profile, view.mood
    borne = dict(profile.words)
    return {
        "mood": mood.name,
        "title": mood.title,
        "words": [{"word": word, "weight": weight, "items": borne.get(word, 0)} for word, weight in mood.words],
        "seeds": [{"item_id": item.item_id, "title": item.title} for item in view.seeds],
        "picked": list(mood.seeds),
        "items": len(profile.found.items),
        "basis": profile.basis,
        "empty_because": profile.why_empty,
        "is_default": mood.is_default,
        "model_version": view.model_version,
    }


def chart_body(shown: Shown) -> dict[str, Any]:
    """A chart as plain values."""
    return {**answer_body(shown.answer), "chart": shown.kind}


def discovery_body(shown: Shown) -> dict[str, Any]:
    """A draw as plain values."""
    return {**answer_body(shown.answer), "seed": shown.seed}
