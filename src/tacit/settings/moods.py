"""The settings of moods, charts and the lower tiers."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Moods(BaseModel):
    """Moods, charts and discovery."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)

    refresh_seconds: float = Field(default=1.0, gt=0, le=60)
    """How often a process looks whether a mood was edited elsewhere."""
    trending_seconds: float = Field(default=10.0, gt=0, le=3_600)
    """How often events are read for the trending chart."""
    trending_half_life_hours: float = Field(default=24.0, gt=0, le=8_760)
    """After how many hours somebody's meeting with an item counts half for the trending chart."""
    trending_users: int = Field(default=3, ge=1, le=1_000_000)
    """How many users must have met an item lately for it to trend, so that a few people cannot put it there."""


class Tiers(BaseModel):
    """The lower tiers of the chain, which answer somebody every day."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)

    rehearsal_share: float = Field(default=0.0125, ge=0, le=0.25)
    """Share of users, another each day, whose lists each lower tier gives on purpose: blended, category, popular and
    static have so many each.  Below 0.01 a tier may be first in use in a disaster; 0 rehearses nothing."""
